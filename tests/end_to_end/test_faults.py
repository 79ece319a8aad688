"""Processes are killed in the middle of the work: no job is lost, none is dispatched twice."""

import csv
import io
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from checker import check as check_ledger
from checker import read_stored
from dispatch.application.account import Account, account
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.ports.queries import BatchRow, ViewsUnavailable
from dispatch.domain.batch.state import ENDED, BatchStatus
from dispatch.domain.job.events import StageCompleted
from dispatch.entrypoints.bootstrap import App
from end_to_end.running import Up, change, eventually, make_jobs_file, simulated, stats, up
from processes import await_gone

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(300)]

ROWS = 1_000
MANY = 3_000
"""So many that the intake is not done with them when the workers begin, and that not all are in hand at a stop."""
LATENCY_MS = 20
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE}


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    return make_jobs_file(tmp_path / "jobs.csv", ROWS)


@pytest.fixture
def many_jobs_file(tmp_path: Path) -> Path:
    return make_jobs_file(tmp_path / "many.csv", MANY)


@pytest.fixture
def simulator() -> Iterator[str]:
    with simulated(latency_ms=LATENCY_MS) as url:
        yield url


def providers(url: str) -> dict[str, str]:
    return {
        "contact_finder_url": url,
        "email_verifier_url": url,
        "notifier_url": url,
        "work_ack_wait_s": "2",
        "channel_rate_per_s": "0",
    }


def receive(app: App, path: Path) -> str:
    with path.open("rb") as file:
        return app.receive(file, SERVICE_JOB, path.name).batch_id


def finished(app: App, batch_id: str, within_s: float = 120) -> Account:
    eventually(lambda: _batch(app, batch_id), lambda row: row is not None and row.status in RESTING, within_s)
    assert check_ledger(read_stored(app.settings.database_url), at_rest=True) == []
    return account(app.ledger, batch_id)


def _batch(app: App, batch_id: str) -> BatchRow | None:
    try:
        return app.queries.batch(batch_id)
    except ViewsUnavailable:  # Postgres is being started again.
        return None


def delivered(app: App, batch_id: str) -> int:
    row = app.queries.batch(batch_id)
    return row.delivered if row else 0


def check(counted: Account, simulator_url: str, rows: int = ROWS) -> None:
    """Every row is accounted for, and the provider saw one effect for each message that the ledger says was sent."""
    assert counted.adds_up
    assert counted.open == 0
    assert counted.rows == rows
    seen = stats(simulator_url)
    assert seen["effects"] == seen["keys_seen"] == counted.delivered
    assert counted.delivered > rows // 2


def is_in_the_middle(simulator_url: str, rows: int = ROWS) -> bool:
    """Not nearly everything was sent: what was killed had work to do."""
    return stats(simulator_url)["effects"] < rows * 3 // 4


@pytest.mark.acceptance("X20", part="kill -9 between claim and send")
def test_a_killed_worker_loses_no_job_and_sends_none_twice(tmp_path: Path, jobs_file: Path, simulator: str):
    with up(tmp_path / "data", **providers(simulator)) as running, running.app() as app:
        batch_id = receive(app, jobs_file)
        eventually(lambda: stats(simulator)["effects"], lambda sent: sent > 20)
        running.kill("worker-1")
        running.kill("worker-2")
        assert is_in_the_middle(simulator)
        check(finished(app, batch_id), simulator)


@pytest.mark.parametrize("child", ["relay", "followers", "projector", "api", "postgres", "nats"])
def test_anything_else_may_die_too(child: str, tmp_path: Path, jobs_file: Path, simulator: str):
    with up(tmp_path / "data", **providers(simulator)) as running, running.app() as app:
        batch_id = receive(app, jobs_file)
        eventually(lambda: stats(simulator)["requests"], lambda asked: asked > 200)
        running.kill(child)
        assert is_in_the_middle(simulator)
        check(finished(app, batch_id), simulator)


def test_the_intake_may_die_while_the_workers_have_begun(tmp_path: Path, many_jobs_file: Path, simulator: str):
    with up(tmp_path / "data", **providers(simulator)) as running, running.app() as app:
        batch_id = receive(app, many_jobs_file)
        eventually(lambda: stats(simulator)["requests"], lambda asked: asked > 200)
        running.kill("intake-1")
        assert is_in_the_middle(simulator, MANY)
        check(finished(app, batch_id), simulator, MANY)


def test_a_killed_system_goes_on_where_it_was(tmp_path: Path, jobs_file: Path, simulator: str):
    """The supervisor is killed while jobs are under way; its children and servers end; the next start finishes."""
    data = tmp_path / "data"
    first = Up(data, **providers(simulator))
    with first.app() as app:
        batch_id = receive(app, jobs_file)
        eventually(lambda: stats(simulator)["effects"], lambda sent: sent > 20)
    first.kill_all()
    assert is_in_the_middle(simulator)
    for pid in first.note["pids"].values():
        await_gone(pid, limit_s=60)
    with up(data, **providers(simulator)) as second, second.app() as app:
        check(finished(app, batch_id), simulator)


@pytest.mark.acceptance("2.01", part="the database is the single source of truth: the broker may lose everything")
def test_jetstream_may_be_wiped_between_two_starts(tmp_path: Path, many_jobs_file: Path, simulator: str):
    data = tmp_path / "data"
    with up(data, **providers(simulator)) as first, first.app() as app:
        batch_id = receive(app, many_jobs_file)
        eventually(lambda: stats(simulator)["effects"], lambda sent: sent > 20)
        first.stop()
    assert is_in_the_middle(simulator, MANY), "a stop finishes what is in hand"
    shutil.rmtree(data / "nats")
    with up(data, **providers(simulator)) as second, second.app() as app:
        check(finished(app, batch_id), simulator, MANY)


def kill_intake(running: Up) -> None:
    """kill -9 the processes of the intake role as they are now, in a killed one's place too: who writes their logs."""
    for number in (1, 2):
        log = (running.data / "logs" / f"intake-{number}.log").resolve()
        [pid] = eventually(lambda log=log: writers_of(log), lambda pids: len(pids) == 1)
        os.kill(pid, signal.SIGKILL)


def writers_of(path: Path) -> set[int]:
    found = set[int]()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # It ended, or is not ours.
            if link.readlink() == path:
                found.add(int(link.parts[2]))
    return found


def mended(app: App, batch_id: str, folder: Path) -> Path:
    """The file for correction, with every refused row put right."""
    right = {"service": "boiler_service", "price": "85.00", "customer_name": "Ann Example", "phone": "07700 900123"}
    right |= {"email": "", "postcode": "LS1 4AP", "preferred_date": "", "lawful_basis": "contract", "consent_date": ""}
    right |= {"consent_statement": "", "sale_ref": "S-1", "opted_out": "no", "address": "", "notes": ""}
    content = b"".join(piece.content for piece in app.write_correction_file(batch_id)).decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(content, newline="")))
    path = folder / "mended.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        for line in lines:
            reference = line["reference"].strip()[:30] or "none"
            writer.writerow(
                line
                | {name: text for name, text in right.items() if name in line}
                | {"reference": f"{reference}-{line['row']}"}
            )
    return path


def correct(app: App, batch_id: str, path: Path) -> None:
    upload = app.correct.begin(batch_id)
    try:
        upload.write(path.read_bytes())
        app.correct.complete(upload, batch_id, path.name)
    finally:
        upload.discard()


def sent(app: App) -> int:
    """Jobs of which the ledger says that their message went out."""
    recorded = app.ledger.read(0, 1_000_000)
    return sum(isinstance(each.event, StageCompleted) and each.event.stage == "dispatch" for each in recorded)


@pytest.mark.acceptance("S.09", part="the intake role is killed while it judges, repairs, takes back and judges anew")
@pytest.mark.acceptance("1.34", part="the intake role is killed, and another one goes on")
def test_the_intake_role_may_die_at_anything_that_it_does(tmp_path: Path, many_jobs_file: Path, simulator: str):
    # One chunk at once of each stage, and few and slow calls before the undo: most of the jobs are not in hand by then.
    lanes = {"workers": "1", "worker_lanes": "1", "provider_connections_max": "60"}
    with up(tmp_path / "data", **lanes, **providers(simulator)) as running, running.app() as app:
        batch_id = receive(app, many_jobs_file)
        kill_intake(running)
        refused = finished(app, batch_id).rejected
        assert refused > 0
        correct(app, batch_id, mended(app, batch_id, tmp_path))
        kill_intake(running)
        eventually(lambda: _batch(app, batch_id), lambda row: row is not None and row.corrections_judged == 1)
        counted = finished(app, batch_id)
        assert (counted.rejected, counted.repaired, counted.adds_up) == (0, refused, True)

        other = tmp_path / "other.csv"
        header, body = many_jobs_file.read_text().split("\n", 1)
        copies = [body.replace("SJ-", f"{name}-") for name in "AB"]
        other.write_text("\n".join([header, "".join(copies)]))
        change(simulator, latency_ms=200)
        other_id = receive(app, other)
        eventually(lambda: delivered(app, other_id), lambda count: count > 20)
        app.take_back.undo(other_id, "eve", "the wrong file")
        kill_intake(running)
        change(simulator, latency_ms=LATENCY_MS)
        eventually(lambda: _batch(app, other_id), lambda row: row is not None and row.status is BatchStatus.UNDONE, 120)
        undone = account(app.ledger, other_id)
        assert undone.adds_up
        assert undone.cancelled > 0
        app.take_back.reset(other_id, "eve", "right after all")
        kill_intake(running)
        eventually(lambda: _batch(app, other_id), lambda row: row is not None and row.resets == 1)
        again = finished(app, other_id)
        assert (again.adds_up, again.rows, again.kept) == (True, len(copies) * MANY, undone.kept)
        assert again.duplicates >= undone.kept
        seen = stats(simulator)
        assert seen["effects"] == seen["keys_seen"] == sent(app), "nothing was sent after its cancellation, none twice"
