"""Workers come and go, and a system is stopped in the middle: whoever goes finishes what it has in hand."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from dispatch.application.account import account
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.domain.batch.state import ENDED, BatchStatus
from dispatch.domain.fleet.events import RoleScaled, Scalable
from dispatch.domain.job.events import StageCompleted, StageDeferred, StageFailed, StageStarted
from dispatch.domain.zone.events import Measure, Reading, Zone
from dispatch.entrypoints.bootstrap import App
from end_to_end.running import Up, dispatch, eventually, make_jobs_file, simulated, stats, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(300)]
ROWS = 700
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE}


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    return make_jobs_file(tmp_path / "jobs.csv", ROWS)


@pytest.fixture
def small_files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"small-{number}.csv" for number in range(12)]
    header, *rows = make_jobs_file(tmp_path / "more.csv", 300).read_text().splitlines()
    for number, path in enumerate(made):
        lines = (line.replace("SJ-", f"SK-{number}-") for line in rows[number::12])
        path.write_text("\n".join([header, *lines]) + "\n")
    return made


@pytest.fixture
def simulator() -> Iterator[str]:
    with simulated(latency_ms=150) as url:
        yield url


def providers(url: str) -> dict[str, str]:
    urls = {"contact_finder_url": url, "email_verifier_url": url, "notifier_url": url}
    return urls | {"channel_rate_per_s": "0", "provider_rates": "notifier=80"}


def receive(app: App, path: Path) -> str:
    with path.open("rb") as file:
        return app.receive(file, SERVICE_JOB, path.name).batch_id


def workers(app: App) -> dict[int, bool]:
    """The pids of the worker processes, and whether they are draining."""
    return {row.pid: row.draining for row in app.processes.present() if "worker" in row.roles}


def measured(app: App, measure: Measure) -> Reading:
    return next(reading for reading in app.watchdog.now().readings if reading.measure is measure)


def is_at_work(app: App, url: str) -> bool:
    return stats(url)["effects"] > ROWS // 20


def assert_all_done_once(app: App, batch_ids: list[str], url: str) -> None:
    for batch_id in batch_ids:
        eventually(partial(app.queries.batch, batch_id), lambda row: row is not None and row.status in RESTING, 120)
    counted, seen = [account(app.ledger, batch_id) for batch_id in batch_ids], stats(url)
    assert all(one.adds_up and one.open == 0 for one in counted)
    assert seen["effects"] == seen["keys_seen"] == sum(one.delivered for one in counted) > ROWS // 2
    assert seen["duplicates"] == 0, "nothing that was in hand was cut off and asked for again"
    attempts = Counter(
        type(record.event)
        for record in app.ledger.read(0, 1_000_000)
        if isinstance(record.event, StageStarted | StageCompleted | StageFailed | StageDeferred)
        and record.event.stage == "dispatch"
    )
    outcomes = attempts[StageCompleted] + attempts[StageFailed] + attempts[StageDeferred]
    assert attempts[StageStarted] == outcomes, "each attempt has an outcome of its own: none was left in doubt"


def logs_of(running: Up, event: str) -> list[str]:
    return [
        line
        for path in (running.data / "logs").glob("*.log")
        for line in path.read_text().splitlines()
        if event in line
    ]


def scale(running: Up, role: str, number: int) -> None:
    done = dispatch("scale", role, str(number), "--reason", "a test", "--wait", "60", "--data", str(running.data))
    assert (done.returncode, done.stdout) == (0, f"{role}: {number} are there.\n"), done.stderr


@pytest.mark.acceptance("0.16", "0.17", "0.18")
@pytest.mark.acceptance("4.15", part="workers are scaled while everything runs, and nothing is done twice")
def test_workers_come_and_go_while_everything_runs_and_each_job_is_done_once(
    tmp_path: Path, jobs_file: Path, small_files: list[Path], simulator: str
):
    with up(tmp_path / "data", "--workers", "1", **providers(simulator)) as running, running.app() as app:
        [first] = eventually(lambda: workers(app), lambda found: len(found) == 1)
        batch_id = receive(app, jobs_file)
        *early, late = small_files
        many = [receive(app, small) for small in early]
        eventually(lambda: is_at_work(app, simulator), bool)
        assert measured(app, Measure.BATCHES).zone is Zone.RED, "by the limits of the old system"
        scale(running, "worker", 3)
        more = workers(app)
        assert len(more) == 3
        assert first in more
        scale(running, "worker", 1)
        assert workers(app) == {first: False}, "the newest go first, and nobody is left draining"
        scale(running, "worker", 0)
        assert workers(app) == {}
        many.append(receive(app, late))
        eventually(lambda: account(app.ledger, many[-1]), lambda found: found.open > 0)  # It is taken in, and waits.
        scale(running, "worker", 2)
        assert_all_done_once(app, [batch_id, *many], simulator)
        assert app.watchdog.book.changes() == [], "it stayed GREEN all the time"
        assert logs_of(running, '"crew.scaled"')
        assert not logs_of(running, "cut_off")
        assert not logs_of(running, "child.killed")
        scaled = [one.event for one in app.ledger.read(0, 1_000_000) if isinstance(one.event, RoleScaled)]
        assert {(one.role, one.reason) for one in scaled} == {(Scalable.WORKER, "a test")}
        assert [one.processes for one in scaled] == [3, 1, 0, 2]


@pytest.mark.acceptance("4.17", part="a stop drains: what is in hand is finished within the time of grace")
def test_a_stop_in_the_middle_drains_and_the_next_start_goes_on(tmp_path: Path, jobs_file: Path, simulator: str):
    with up(tmp_path / "data", **providers(simulator)) as running, running.app() as app:
        batch_id = receive(app, jobs_file)
        eventually(lambda: is_at_work(app, simulator), bool)
        code, output, took_s = running.stop()
        assert code == 0, output
        assert took_s < 15, "the time of grace was not used up"
        assert not logs_of(running, "cut_off")
    assert stats(simulator)["effects"] < ROWS * 3 // 4, "what was not in hand was left alone"
    with up(tmp_path / "data", **providers(simulator)) as running, running.app() as app:
        assert_all_done_once(app, [batch_id], simulator)
