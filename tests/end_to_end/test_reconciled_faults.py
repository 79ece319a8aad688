"""JetStream is wiped, goes back to an old copy, workers die at every moment: no job is lost, and an outsider says so.

Promise R4 under fire. At the end of each fault three who do not know each other must agree: the provider's own counts,
the checker that knows none of the production rules, and a reconciliation.
"""

import asyncio
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from nats.aio.client import Client

from checker import check, read_stored
from dispatch.application.account import account
from dispatch.application.ports.clock import utc_now
from dispatch.application.reconcile.findings import Severity
from dispatch.application.reconcile.report import Report
from dispatch.application.reconcile.scope import Scope
from dispatch.domain.batch.state import ENDED, BatchStatus
from dispatch.domain.job.keys import idempotency_key
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.reconciling import new_run_id, open_reconcile
from end_to_end.running import Up, eventually, make_jobs_file, stats, up
from end_to_end.test_faults import _batch, delivered, providers, receive, writers_of
from end_to_end.test_faults import simulator as simulator
from processes import await_gone

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(300)]

ROWS = 1_500
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE}
WIPES = 4
COMPLETED_MIN = 0.99
"""Acceptance 2.33."""


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    return make_jobs_file(tmp_path / "jobs.csv", ROWS)


def wipe(nats_url: str) -> None:
    """Delete every stream, with its consumers and with what waits in it."""

    async def delete_all() -> None:
        client = Client()
        await client.connect(nats_url, allow_reconnect=False)
        js = client.jetstream(timeout=5)
        for stream in await js.streams_info():
            await js.delete_stream(stream.config.name)
        await client.close()

    asyncio.run(delete_all())


def kill_workers(running: Up) -> None:
    """kill -9 the workers as they are now, in the places of killed ones too."""
    for number in (1, 2):
        log = (running.data / "logs" / f"worker-{number}.log").resolve()
        [pid] = eventually(lambda log=log: writers_of(log), lambda pids: len(pids) == 1)
        os.kill(pid, signal.SIGKILL)


def reconciled(app: App) -> Report:
    return open_reconcile(app)(new_run_id(), Scope(), "test")


def await_agreement(app: App, batch_id: str, simulator_url: str) -> None:
    """The batch comes to rest, and everybody who counted says the same."""
    eventually(lambda: _batch(app, batch_id), lambda row: row is not None and row.status in RESTING, 150)
    counted = account(app.ledger, batch_id)
    assert (counted.adds_up, counted.open, counted.rows) == (True, 0, ROWS)
    accepted = counted.rows - counted.rejected - counted.duplicates
    assert counted.settled / accepted >= COMPLETED_MIN
    seen = stats(simulator_url)
    assert seen["effects"] == seen["keys_seen"] == counted.delivered
    stored = read_stored(app.settings.database_url)
    sent = {row.stream for row in stored if row.name == "StageCompleted" and row.event["stage"] == "dispatch"}
    effects = {idempotency_key(job_id, "dispatch"): 1 for job_id in sent}
    assert len(effects) == seen["effects"]
    assert check(stored, now=utc_now(), at_rest=True, effects=effects) == []
    report = reconciled(app)
    assert report.jobs == accepted
    assert [each for each in report.findings if each.severity is Severity.ERROR] == []


@pytest.mark.acceptance("S.09", part="no job is lost with all of JetStream, and a reconciliation says so")
@pytest.mark.acceptance("X21", part="what was published and lost is published again")
@pytest.mark.acceptance("2.33", part="events are completed although the broker loses everything")
def test_wiping_all_streams_while_everything_works_loses_nothing(tmp_path: Path, jobs_file: Path, simulator: str):
    settings = providers(simulator) | {"reconcile_every_minutes": "0.05"}
    with up(tmp_path / "data", **settings) as running, running.app() as app:
        batch_id = receive(app, jobs_file)
        for wiped in range(WIPES):
            eventually(lambda: stats(simulator)["requests"], lambda asked, n=wiped: asked > 100 + 300 * n)
            wipe(app.settings.nats_url)
        await_agreement(app, batch_id, simulator)
        by_timers = [run for run in app.reconciliations.latest() if run.by == "timers"]
        assert {run.scope for run in by_timers if run.status == "done"} == {"light"}
        assert app.alarms() == [], "the timers looked while all this happened, and raised no false alarm"


@pytest.mark.acceptance("2.22", part="work that comes again from an old copy of the stream is done once")
def test_an_old_copy_of_the_stream_repeats_nothing_and_loses_nothing(tmp_path: Path, jobs_file: Path, simulator: str):
    data, copy = tmp_path / "data", tmp_path / "old"
    first = Up(data, **providers(simulator))
    with first.app() as app:
        batch_id = receive(app, jobs_file)
        eventually(lambda: stats(simulator)["requests"], lambda asked: asked > 100)
        copy_while_written(data / "nats", copy)
        eventually(lambda: delivered(app, batch_id), lambda count: count > 100)
    first.kill_all()
    for pid in first.note["pids"].values():
        await_gone(pid, limit_s=60)
    shutil.rmtree(data / "nats")
    shutil.copytree(copy, data / "nats")
    with up(data, **providers(simulator)) as second, second.app() as app:
        await_agreement(app, batch_id, simulator)


def copy_while_written(source: Path, target: Path) -> None:
    """A copy as a careless backup takes it: files may vanish meanwhile, and then it begins again."""
    for _ in range(20):
        try:
            shutil.copytree(source, target)
        except (shutil.Error, FileNotFoundError):
            shutil.rmtree(target, ignore_errors=True)
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the folder changes too fast to be copied")


@pytest.mark.acceptance("X20", part="kill -9 between claim and send, again and again under load")
@pytest.mark.acceptance("X23", part="the batch closes as its jobs ended, whatever died on the way")
def test_workers_that_die_between_the_claim_and_the_send_lose_nothing(tmp_path: Path, jobs_file: Path, simulator: str):
    with up(tmp_path / "data", **providers(simulator)) as running, running.app() as app:
        batch_id = receive(app, jobs_file)
        for killed in range(3):
            eventually(lambda: stats(simulator)["effects"], lambda sent, n=killed: sent > 20 + 200 * n)
            kill_workers(running)
        await_agreement(app, batch_id, simulator)
