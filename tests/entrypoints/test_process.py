"""A role process ends in time, whatever it waits for, and ends by itself when NATS is gone for good."""

import signal
import socket

import pytest

from processes import start_owner

OWNER = """
import asyncio, sys, time
from pathlib import Path
from dispatch.entrypoints.roles import process
from dispatch.entrypoints.settings import Settings

async def stuck(context):
    def read_a_big_file():
        context.on_ready("stuck")
        time.sleep(60)

    await asyncio.to_thread(read_a_big_file)

async def closed(context):
    await context.nats.close()
    await context.stop.wait()

nats_url, database_url, data, role, grace_s = sys.argv[1:]
process.find_role = {"stuck": stuck, "closed": closed}.get
settings = Settings(nats_url=nats_url, database_url=database_url, data=Path(data), shutdown_grace_s=float(grace_s))
process.run_process([role], settings, log_file=Path(data) / "log", on_ready=lambda role, word: print(word, flush=True))
"""
WITHIN_S = 20


def test_a_stop_is_heard_while_nats_does_not_answer(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(WITHIN_S)
        url = f"nats://127.0.0.1:{silent.getsockname()[1]}"
        with start_owner(OWNER, url, "postgresql://127.0.0.1:1/none", tmp_path, "stuck", 15) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGTERM)
            assert process.wait(WITHIN_S) == 0
            connection.close()
    assert "process.cut_off" not in (tmp_path / "log").read_text()


@pytest.mark.postgres
@pytest.mark.nats
def test_a_thread_that_cannot_be_told_to_stop_does_not_outlive_the_grace(tmp_path, nats_url, database_url):
    with start_owner(OWNER, nats_url, database_url, tmp_path, "stuck", 1) as process:
        assert process.stdout.readline() == "stuck\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 1
    assert "process.cut_off" in (tmp_path / "log").read_text()


@pytest.mark.postgres
@pytest.mark.nats
def test_a_connection_that_is_closed_for_good_ends_the_process(tmp_path, nats_url, database_url):
    with start_owner(OWNER, nats_url, database_url, tmp_path, "closed", 1) as process:
        assert process.wait(WITHIN_S) == 1
    assert "NATS has closed the connection for good" in (tmp_path / "log").read_text()
