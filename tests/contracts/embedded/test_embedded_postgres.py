"""The embedded Postgres: starts, keeps its data, survives crashes, and refuses clearly."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap

import psycopg
import pytest

from dispatch.adapters.embedded.errors import (
    DataInUse,
    DataOfAnotherVersion,
    EmbeddedServerError,
    ServerStoppedEarly,
)
from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from processes import assert_stays, await_gone, processes_naming, start_owner

pytestmark = pytest.mark.postgres

OWNER = """
    import sys
    from pathlib import Path
    from dispatch.adapters.embedded.postgres import EmbeddedPostgres
    server = EmbeddedPostgres(Path(sys.argv[1]))
    server.start()
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def test_settings_are_those_of_production(production_server):
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "wal_compression": "off",
        "max_wal_size": "2GB",
        "shared_buffers": "256MB",
        "max_connections": "100",
        "checkpoint_timeout": "15min",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
    }
    with psycopg.connect(production_server.url) as connection:
        found = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in expected}
        collation = connection.execute("SELECT datcollate FROM pg_database WHERE datname = 'dispatch'").fetchone()
        user = connection.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert found == expected
    assert collation == ("C",)
    assert user == ("dispatch", True)
    assert production_server.version.startswith("18.")


def test_each_test_gets_an_empty_database_of_its_own(empty_url, postgres_server):
    with psycopg.connect(empty_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        name = connection.info.dbname
    assert tables == (0,)
    assert name != "dispatch"


def test_stopped_server_starts_again_with_its_data_and_its_url(tmp_path):
    data = tmp_path / "a folder with spaces" / "and 'quotes'"
    server = EmbeddedPostgres(data)
    with server:
        url = server.url
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server.stop()
        assert not server.running()
        server.start()
        assert server.url == url
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert processes_naming(data) == []
    assert not server.socket_folder.exists()


def test_committed_rows_survive_kill_9_of_the_server(tmp_path):
    with EmbeddedPostgres(tmp_path) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        os.kill(server.pid, signal.SIGKILL)
        await_gone(server.pid, limit_s=30)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_kill_9_of_the_owner_leaves_no_server_and_the_next_owner_takes_over(tmp_path):
    with start_owner(OWNER, tmp_path) as owner:
        server_pid = int(owner.stdout.readline())
        owner.kill()
    with EmbeddedPostgres(tmp_path) as successor:  # At once: it waits for the orphan to shut down.
        await_gone(server_pid, limit_s=0)
        assert successor.pid != server_pid
    assert processes_naming(tmp_path) == []


def test_server_outlives_the_thread_that_started_it_and_dies_with_the_process(tmp_path):
    in_thread = "with ThreadPoolExecutor() as threads: threads.submit(server.start).result()"
    code = "    from concurrent.futures import ThreadPoolExecutor" + OWNER.replace("server.start()", in_thread)
    with start_owner(code, tmp_path) as owner:
        server_pid = int(owner.stdout.readline())
        assert_stays(server_pid, for_s=0.5)
        owner.stdin.close()
        assert owner.wait(60) == 0
    await_gone(server_pid, limit_s=0)  # It ended in good order, although nobody called stop().


def test_data_folder_has_one_owner(tmp_path):
    with EmbeddedPostgres(tmp_path), pytest.raises(DataInUse, match=f"{tmp_path} is in use by process {os.getpid()}"):
        EmbeddedPostgres(tmp_path).start()


def test_server_started_by_hand_is_not_disturbed(tmp_path, postgres_server):
    """One that dispatch knows nothing of: only Postgres' own pid file tells of it."""
    copy = EmbeddedPostgres(tmp_path)
    copy.cluster.symlink_to(postgres_server.cluster)
    with pytest.raises(ServerStoppedEarly, match=rf"PID {postgres_server.pid}\) running in data directory"):
        copy.start()
    with psycopg.connect(postgres_server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_pid_file_of_a_killed_server_may_name_a_stranger(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    with server:
        os.kill(server.pid, signal.SIGKILL)
        await_gone(server.pid, limit_s=30)
    pid_file = server.cluster / "postmaster.pid"
    _, _, rest = pid_file.read_text().partition("\n")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as stranger:
        pid_file.write_text(f"{stranger.pid}\n{rest}")
        with server:
            assert server.running()
        assert stranger.poll() is None
        stranger.stdin.close()


def test_a_killed_server_that_nobody_has_waited_for_is_no_rival(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    with server:
        os.kill(server.pid, signal.SIGKILL)
        await_gone(server.pid, limit_s=30)
    pid_file = server.cluster / "postmaster.pid"
    _, _, rest = pid_file.read_text().partition("\n")
    with subprocess.Popen(["true"]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # It has ended, and is not waited for.
        pid_file.write_text(f"{zombie.pid}\n{rest}")
        with server:
            assert server.running()


def test_data_of_another_major_version_is_refused(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    server.cluster.mkdir(parents=True)
    (server.cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(DataOfAnotherVersion, match="was written by Postgres 16, the embedded server is Postgres 18"):
        server.start()


def test_folder_that_is_no_cluster_is_refused_and_kept(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    server.cluster.mkdir()
    (server.cluster / "notes.txt").write_text("mine")
    with pytest.raises(EmbeddedServerError, match="is not a Postgres data folder"):
        server.start()
    assert (server.cluster / "notes.txt").read_text() == "mine"


def test_interrupted_initdb_leaves_nothing_behind(tmp_path):
    unfinished = tmp_path / "cluster.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path) as server:
        assert server.version.startswith("18.")
    assert not unfinished.exists()


def test_server_that_ends_early_shows_the_end_of_its_log(tmp_path):
    server = EmbeddedPostgres(tmp_path, settings={"no_such_setting": "1"})
    with pytest.raises(
        ServerStoppedEarly, match=r'(?s)exit code 1 .*unrecognized configuration parameter "no_such_setting"'
    ):
        server.start()
    assert processes_naming(tmp_path) == []


def test_permissions_above_the_data_folder_stay(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    modes = {folder: folder.stat().st_mode for folder in private.parents}
    with EmbeddedPostgres(private / "data") as server:
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert {folder: folder.stat().st_mode for folder in private.parents} == modes
    assert server.cluster.stat().st_uid == os.geteuid()


def test_long_temporary_folder_gives_no_long_socket_path(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with EmbeddedPostgres(tmp_path / "data") as server:
        assert not server.socket_folder.is_relative_to(deep)
    assert list(deep.iterdir()) == []


@pytest.mark.skipif(shutil.which("unshare") is None, reason="builds its machine without user namespaces by unshare(1)")
def test_root_without_user_namespaces_is_told_what_to_do(tmp_path):
    """Root inside a namespace that allows no further ones: what a locked-down container is."""
    locked = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
    ended = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            locked,
            "sh",
            sys.executable,
            "-c",
            textwrap.dedent(OWNER),
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "initdb refuses to run as root, and this machine does not allow the user namespace" in ended.stderr
    assert "run dispatch as an ordinary user" in ended.stderr
