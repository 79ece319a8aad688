"""A running system that is paused and resumed: nothing goes out meanwhile, and afterwards everything does, once."""

import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from dispatch.application.account import account
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.why import why
from dispatch.domain.batch.state import ENDED, BatchStatus
from dispatch.domain.events import event_name
from dispatch.domain.job.state import AT_A_STAGE
from end_to_end.running import Up, dispatch, eventually, stats, up
from end_to_end.test_providers import simulator as simulator

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]
ROWS = 400
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE}
SETTLED_S = 1.5
"""Long enough for every process to have looked at the gates, and for what was in hand to be finished."""


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.csv"
    maker = Path(__file__).parents[2] / "tools" / "make_sample.py"
    subprocess.run([sys.executable, maker, "--rows", str(ROWS), "--bad", "0.02", "--out", path], check=True)
    return path


def command(running: Up, *arguments: str) -> str:
    done = dispatch(*arguments, "--data", str(running.data))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_paused_work_rests_and_is_done_once_after_it_is_resumed(tmp_path: Path, jobs_file: Path, simulator: str):
    urls = {"contact_finder_url": simulator, "email_verifier_url": simulator, "notifier_url": simulator}
    with up(tmp_path / "data", **urls, channel_rate_per_s="0") as running, running.app() as app:

        def receive() -> str:
            with jobs_file.open("rb") as rows:
                return app.receive(rows, SERVICE_JOB, jobs_file.name).batch_id

        def waiting_at(stage: str) -> int:
            return len(under_way()[stage])

        def under_way() -> dict[str, list[str]]:
            """The jobs that rest nowhere, by the stage that they are at."""
            stages: dict[str, list[str]] = defaultdict(list)
            for job in app.queries.jobs(batch_id=batch_id, limit=10_000):
                if job.status in AT_A_STAGE:
                    stages[job.stage].append(job.job_id)
            return stages

        command(running, "pause", "all", "--reason", "a test")
        time.sleep(SETTLED_S)
        batch_id = receive()
        time.sleep(SETTLED_S)
        row = app.queries.batch(batch_id)
        assert row is None or row.status is BatchStatus.UPLOADED, "everything holds up the intake too"

        command(running, "pause", "stage", "dispatch")
        command(running, "resume", "all")
        eventually(under_way, lambda stages: set(stages) == {"dispatch"})
        at_gate = waiting_at("dispatch")
        assert stats(simulator)["effects"] == 0
        job = under_way()["dispatch"][0]
        assert why(app.ledger, job, app.gatekeeper.look()).code == "paused"
        head = app.ledger.head()
        time.sleep(SETTLED_S)
        assert app.ledger.head() == head, "waiting costs no events"

        command(running, "pause", "batch", batch_id)
        time.sleep(SETTLED_S)
        command(running, "resume", "stage", "dispatch")
        time.sleep(2 * SETTLED_S)
        assert stats(simulator)["effects"] == 0, "its batch is paused as well"
        assert waiting_at("dispatch") == at_gate
        names = [event_name(record.event) for record in app.ledger.read(head, 1_000)]
        assert names == ["WorkPaused", "WorkResumed"]

        command(running, "resume", "batch", batch_id)
        eventually(lambda: stats(simulator)["effects"], lambda sent: sent > 0)
        eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.status in RESTING, 90)
        counted, seen = account(app.ledger, batch_id), stats(simulator)
        assert counted.adds_up
        assert counted.open == 0
        assert seen["effects"] == seen["keys_seen"] == counted.delivered > ROWS // 2
        assert seen["duplicates"] == 0


def test_a_pause_with_an_end_goes_on_by_itself(tmp_path: Path, jobs_file: Path, simulator: str):
    urls = {"contact_finder_url": simulator, "email_verifier_url": simulator, "notifier_url": simulator}
    with up(tmp_path / "data", **urls) as running, running.app() as app:
        command(running, "pause", "intake", "--for", "10s")
        eventually(app.gatekeeper.look, bool, 10)
        with jobs_file.open("rb") as rows:
            batch_id = app.receive(rows, SERVICE_JOB, jobs_file.name).batch_id
        eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.jobs > 0)
        [ended] = eventually(lambda: app.control.book.pauses(ended=True), lambda rows: rows[0].resumed_at is not None)
        assert ended.resumed_by == "timers"
