"""Both embedded servers together."""

from pathlib import Path

import psycopg
import pytest

from dispatch.adapters.embedded.errors import DataOfAnotherVersion
from dispatch.adapters.embedded.servers import EmbeddedServers
from processes import await_gone, processes_naming, start_owner

pytestmark = [pytest.mark.postgres, pytest.mark.nats]

OWNER = """
    import sys
    from pathlib import Path
    from dispatch.adapters.embedded.servers import EmbeddedServers
    servers = EmbeddedServers(Path(sys.argv[1]))
    servers.start()
    print(servers.postgres.pid, servers.nats.pid, servers.postgres.socket_folder, flush=True)
    sys.stdin.read()
"""


def test_both_start_and_both_stop(tmp_path):
    with EmbeddedServers(tmp_path) as servers:
        with psycopg.connect(servers.database_owner_url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("dispatch",)
        assert servers.nats_url.startswith("nats://")
        assert servers.postgres.running()
        assert servers.nats.running()
    assert processes_naming(tmp_path) == []


def test_owner_that_ends_without_stopping_them_takes_both_along(tmp_path):
    with start_owner(OWNER, tmp_path) as owner:
        pids = [int(word) for word in owner.stdout.readline().split()[:2]]
        owner.stdin.close()
        assert owner.wait(60) == 0
    for pid in pids:
        await_gone(pid, limit_s=0)


def test_kill_9_of_the_owner_takes_both_along(tmp_path):
    with start_owner(OWNER, tmp_path) as owner:
        line = owner.stdout.readline()
        owner.kill()
    postgres_pid, nats_pid, socket_folder = line.split()
    await_gone(int(postgres_pid), limit_s=30)
    await_gone(int(nats_pid), limit_s=30)
    assert processes_naming(tmp_path) == []
    with EmbeddedServers(tmp_path):  # The next owner removes what only a living one could.
        assert not Path(socket_folder).exists()


def test_one_that_cannot_start_stops_the_other(tmp_path):
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(DataOfAnotherVersion):
        EmbeddedServers(tmp_path).start()
    assert processes_naming(tmp_path) == []
