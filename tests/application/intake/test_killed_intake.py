"""Intake processes that die by kill -9, one after the other, and two workers at once: each row is there once."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from intake_desk import Desk, as_csv
from intake_files import HEADER, goods
from intake_process import __file__ as process_file
from msgspec.structs import asdict

from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from dispatch.application.account import account
from dispatch.application.handle import handle
from dispatch.application.intake.judge import judge
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.ports.clock import utc_now
from dispatch.domain.batch.commands import RecordJudgement
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import CorrectionJudged
from dispatch.domain.batch.state import BatchStatus
from ledgers import cause, opened_ledger

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(240)]
BAD = "SJ-{0},boiler_service,cheap,Ann Smith,LS1 4AP\n"
GOOD, REFUSED = 12, 8
ROWS = GOOD + REFUSED


@pytest.fixture
def desk(tmp_path, database_url, pools):
    with opened_ledger(database_url) as ledger:
        yield Desk(tmp_path / "files", ledger, PostgresNaturalKeys(pools(database_url)))


@pytest.fixture
def batch_id(desk):
    content = HEADER + goods(GOOD) + "".join(BAD.format(number) for number in range(91, 91 + REFUSED))
    return desk.bring(content, error_threshold_percent=50).batch_id


@pytest.fixture
def take_in_with_kills(desk, database_url):
    """Start processes, each of which is killed a call later than the one before, until one comes to the end."""

    def take_in(batch_id):
        for killed in range(40):
            command = [sys.executable, process_file, database_url, desk.folder, batch_id, str(killed + 1)]
            ended = subprocess.run(command, check=False, timeout=60, cwd=Path(process_file).parent)
            assert account(desk.ledger, batch_id).adds_up, f"after {killed} kills"
            if ended.returncode == 0:
                return killed
            assert ended.returncode == -signal.SIGKILL
        raise AssertionError("it makes no headway")

    return take_in


def mend(desk, batch_id):
    desk.correct(batch_id, as_csv([line | {"price": "9.00"} for line in desk.to_correct(batch_id)]))


def rows(desk, batch_id):
    return sorted(job.row for job in desk.jobs(batch_id))


@pytest.mark.acceptance("S.09", part="stale takeover: killed at several points, the next process goes on")
@pytest.mark.acceptance("1.34", part="killed at several points, the next process goes on")
def test_killed_again_and_again_while_judging_admitting_repairing_and_undoing(desk, batch_id, take_in_with_kills):
    assert take_in_with_kills(batch_id) >= 2
    assert (desk.batch(batch_id).status, rows(desk, batch_id)) == (BatchStatus.PROCESSING, [*range(1, GOOD + 1)])
    mend(desk, batch_id)
    assert take_in_with_kills(batch_id) >= 2
    assert rows(desk, batch_id) == [*range(1, ROWS + 1)]
    [judged] = [event for event in desk.ledger.load(batch_id).events if isinstance(event, CorrectionJudged)]
    assert (judged.rows, judged.accepted, judged.rejected, judged.ignored) == (REFUSED, REFUSED, 0, 0)
    desk.take_back.undo(batch_id, "eve", "the wrong file")
    assert take_in_with_kills(batch_id) >= 2
    counted = account(desk.ledger, batch_id)
    assert (counted.cancelled, counted.open, counted.rejected) == (ROWS, 0, 0)
    desk.take_back.reset(batch_id, "eve", "right after all")
    assert take_in_with_kills(batch_id) >= 2
    batch, counted = desk.batch(batch_id), account(desk.ledger, batch_id)
    assert (batch.status, batch.jobs, batch.duplicates, batch.rejected) == (BatchStatus.PROCESSING, ROWS, 0, 0)
    assert (counted.open, counted.cancelled) == (ROWS, 0)
    assert len({job.job_id for job in desk.jobs(batch_id)}) == len(desk.jobs(batch_id)) == 2 * ROWS


def at_once(*calls):
    """Run these at the same time; raises what one of them raises."""
    together, crashes = threading.Barrier(len(calls)), []

    def run(call):
        together.wait(30)
        try:
            call()
        except Exception as crash:
            crashes.append(crash)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if crashes:
        raise crashes[0]


@pytest.mark.acceptance("S.09", part="two workers at one batch: repaired once, undone once")
def test_two_workers_at_once_repair_and_undo_each_row_once(desk, batch_id):
    desk.take_in(batch_id)
    mend(desk, batch_id)
    at_once(*[lambda: desk.take_in(batch_id)] * 2)
    assert rows(desk, batch_id) == [*range(1, ROWS + 1)]
    assert desk.batch(batch_id).jobs == ROWS
    assert desk.names().count("CorrectionJudged") == 1
    desk.take_back.undo(batch_id, "eve", "the wrong file")
    at_once(*[lambda: desk.take_in(batch_id)] * 2)
    assert desk.names().count("JobCancelled") == ROWS
    assert desk.names().count("BatchUndone") == 1
    assert account(desk.ledger, batch_id).adds_up


@pytest.mark.parametrize("step", ["admitting", "repairing"])
def test_an_import_is_taken_back_while_another_worker_is_at_it(desk, batch_id, step):
    if step == "repairing":
        desk.take_in(batch_id)
        mend(desk, batch_id)
    else:
        judged = judge(desk.files.path(desk.batch(batch_id).file_hash), SERVICE_JOB)
        command = RecordJudgement(batch_id=batch_id, at=utc_now(), parse_duration_ms=1, **asdict(judged))
        handle(desk.ledger, decider, batch_id, command, cause())

    def undo():
        desk.take_back.undo(batch_id, "eve", "the wrong file")
        desk.take_in(batch_id)

    at_once(lambda: desk.take_in(batch_id), undo)
    counted = account(desk.ledger, batch_id)
    assert desk.batch(batch_id).status is BatchStatus.UNDONE
    assert (counted.open, counted.adds_up) == (0, True)
    other = desk.bring(HEADER + goods(GOOD) + "SJ-91,boiler_service,9,Ann Smith,LS1 4AP\n").batch_id
    desk.take_in(other)
    assert len(desk.jobs(other)) == GOOD + 1, "every key is free again"
