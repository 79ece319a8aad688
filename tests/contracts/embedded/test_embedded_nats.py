"""The embedded NATS: starts, keeps its streams, lets in only who knows the password, dies with its owner."""

import os
import signal
import socket
from urllib.parse import urlsplit

import nats
import pytest
from nats.js.api import StorageType, StreamConfig

from dispatch.adapters.embedded.errors import DataInUse
from dispatch.adapters.embedded.nats import EmbeddedNats
from processes import await_gone, processes_naming, start_owner

pytestmark = pytest.mark.nats

OWNER = """
    import sys
    from pathlib import Path
    from dispatch.adapters.embedded.nats import EmbeddedNats
    server = EmbeddedNats(Path(sys.argv[1]))
    server.start()
    print(server.pid, flush=True)
    sys.stdin.read()
"""


async def add_message(url: str) -> None:
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="KEPT", subjects=["kept.>"], storage=StorageType.FILE))
    await stream.publish("kept.one", b"1")
    await client.close()


async def messages(url: str) -> int:
    client = await nats.connect(url)
    info = await client.jetstream().stream_info("KEPT")
    await client.close()
    return info.state.messages


async def test_stopped_server_starts_again_with_its_streams_and_its_url(tmp_path):
    data = tmp_path / 'a folder with spaces and "quotes"'
    server = EmbeddedNats(data)
    with server:
        url = server.url
        await add_message(url)
        server.stop()
        server.start()
        assert server.url == url
        assert await messages(url) == 1
    assert processes_naming(data) == []


async def test_acknowledged_message_survives_kill_9_of_the_server(fresh_nats):
    await add_message(fresh_nats.url)
    os.kill(fresh_nats.pid, signal.SIGKILL)
    await_gone(fresh_nats.pid, limit_s=30)
    fresh_nats.start()
    assert await messages(fresh_nats.url) == 1


async def test_every_message_is_synced_before_it_is_acknowledged(fresh_nats):
    assert "sync_interval: always" in (fresh_nats.data / "nats-server.conf").read_text()


def test_it_listens_on_loopback_and_asks_for_the_password(nats_url):
    address = urlsplit(nats_url)
    assert address.hostname == "127.0.0.1"
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        answer = b"".join(iter(lambda: connection.recv(4096), b""))  # The server closes after a refusal.
    assert b"-ERR 'Authorization Violation'" in answer


def test_port_taken_meanwhile_is_given_up(tmp_path):
    first, rival = EmbeddedNats(tmp_path / "first"), EmbeddedNats(tmp_path / "rival")
    with first:
        taken = first._address  # The rival must meet exactly this port.
        rival._address = taken
        with rival:
            assert urlsplit(rival.url).port != urlsplit(first.url).port


def test_kill_9_of_the_owner_leaves_no_server_and_the_next_owner_takes_over(tmp_path):
    with start_owner(OWNER, tmp_path) as owner:
        server_pid = int(owner.stdout.readline())
        owner.kill()
    with EmbeddedNats(tmp_path):
        await_gone(server_pid, limit_s=0)


def test_data_folder_has_one_owner(fresh_nats):
    with pytest.raises(DataInUse, match=f"is in use by process {os.getpid()}"):
        EmbeddedNats(fresh_nats.data).start()
