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

async def late(context):
    from dispatch.adapters.postgres.migrate import current_revision, newest_revision

    migrated = current_revision(context.app.settings.database_url) == newest_revision()
    views = len(context.app.queries.positions())
    context.on_ready(f"schema {migrated}, views {views > 0}, broker {context.nats.is_connected}")
    await context.stop.wait()

async def closed(context):
    await context.nats.close()
    await context.stop.wait()

nats_url, database_url, data, role, grace_s = sys.argv[1:]
process.find_role = {"stuck": stuck, "closed": closed, "late": late}.get
settings = Settings(nats_url=nats_url, database_url=database_url, data=Path(data), shutdown_grace_s=float(grace_s))
process.run_process([role], settings, log_file=Path(data) / "log", on_ready=lambda role, word: print(word, flush=True))
"""
WITHIN_S = 40


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


@pytest.mark.postgres
@pytest.mark.nats
@pytest.mark.acceptance(
    "4.07", part="settings, log, broker and Postgres with its migrations and views stand before any role"
)
def test_a_role_begins_when_everything_that_it_needs_is_there(tmp_path, nats_url, empty_url):
    """On a database that is still empty; the API, the workers and the timers are roles."""
    with start_owner(OWNER, nats_url, empty_url, tmp_path, "late", 5) as process:
        assert process.stdout.readline() == "schema True, views True, broker True\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
    assert "process.stopped" in (tmp_path / "log").read_text()


@pytest.mark.nats
@pytest.mark.acceptance("4.07", part="without Postgres no role begins, and the log says why")
def test_without_postgres_no_role_begins(tmp_path, nats_url):
    with start_owner(OWNER, nats_url, "postgresql://127.0.0.1:1/none", tmp_path, "late", 5) as process:
        assert process.stdout.readline() == ""
        assert process.wait(WITHIN_S * 2) == 1
    assert "process.crashed" in (tmp_path / "log").read_text()
