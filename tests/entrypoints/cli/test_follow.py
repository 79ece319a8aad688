"""Following a batch: what the bars say, and the form for logs."""

import io

import msgspec
import pytest
from rich.console import Console

from dispatch.application.ports.queries import BatchRow, StageProgress
from dispatch.domain.batch.state import BatchStatus
from dispatch.entrypoints.cli.bars import Bar, bars_of
from dispatch.entrypoints.cli.displays import LinesDisplay
from dispatch.entrypoints.cli.follow import STANDSTILL, BatchFollower
from dispatch.entrypoints.cli.stop_request import StopRequest
from examples import BATCH_ID, FILE_HASH, NOON

ROW = BatchRow(
    batch_id=BATCH_ID,
    run=1,
    file_name="jobs.csv",
    file_hash=FILE_HASH,
    file_bytes=1,
    profile="service-job",
    status=BatchStatus.PROCESSING,
    error_threshold_percent=10,
    rejection_code="",
    rejection_reason="",
    rows=12,
    accepted=10,
    rejected=1,
    duplicates=1,
    jobs=10,
    delivered=0,
    blocked=0,
    cancelled=0,
    escalated=0,
    errors_by_code={},
    parse_duration_ms=0,
    db_duration_ms=0,
    received_at=NOON,
    judged_at=None,
    admitted_at=None,
    closed_at=None,
    ids_from=NOON,
)


def stage(name: str, entered: int, completed: int = 0, escalated: int = 0, blocked: int = 0) -> StageProgress:
    return StageProgress(
        stage=name,
        entered=entered,
        completed=completed,
        failed_attempts=0,
        retries=0,
        escalated=escalated,
        blocked=blocked,
    )


def row(status: BatchStatus, **changed: object) -> BatchRow:
    return msgspec.structs.replace(ROW, status=status, **changed)


class Script:
    """The views of a batch, one state after the other; the last one stays."""

    def __init__(self, *states: BatchRow | None) -> None:
        self.states = list(states)

    def batch(self, batch_id: str) -> BatchRow | None:
        assert batch_id == BATCH_ID
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def stage_progress(self, batch_id: str) -> list[StageProgress]:
        return []


class Ticking:
    """A clock that goes on by a step at each look."""

    def __init__(self, step_s: float) -> None:
        self.now, self.step_s = 0.0, step_s

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now


def follow(
    *states: BatchRow | None, step_s: float = 2.0, stop: StopRequest | None = None
) -> tuple[BatchRow | None, str]:
    text = io.StringIO()
    console = Console(file=text, width=100)
    follower = BatchFollower(Script(*states), BATCH_ID, console, poll_s=0, clock=Ticking(step_s), stop=stop)
    return follower.run(), text.getvalue()


@pytest.mark.parametrize("seen", [None, row(BatchStatus.UPLOADED)])
def test_while_rows_are_judged_nobody_knows_how_many_there_are(seen: BatchRow | None):
    assert bars_of(seen, []) == [Bar("intake", 0, None, "judging the rows")]


def test_what_ended_at_a_stage_is_not_expected_at_the_next():
    stages = [stage("validate", 10, 7, escalated=2), stage("verify", 7, 4, blocked=1), stage("send", 4, 4)]
    assert bars_of(ROW, stages) == [
        Bar("intake", 10, 10, "1 refused, 1 duplicate"),
        Bar("validate", 9, 10, "2 escalated"),
        Bar("verify", 5, 8, "1 blocked"),
        Bar("send", 4, 7),
    ]


def test_a_rejected_batch_shows_why():
    seen = row(BatchStatus.REJECTED, jobs=0, rejection_code="error_budget_exceeded")
    assert bars_of(seen, []) == [Bar("intake", 0, 0, "error_budget_exceeded")]


@pytest.mark.parametrize("last", ["complete", "complete_with_exceptions", "rejected", "waiting_on_people"])
def test_it_ends_when_the_batch_is_done_or_needs_a_person(last: str):
    states = (None, row(BatchStatus.UPLOADED), row(BatchStatus.ADMITTING, jobs=4), ROW, row(BatchStatus(last)))
    ended, text = follow(*states)
    assert ended is not None
    assert ended.status == last
    assert text.splitlines()[0] == "intake  judging the rows"
    assert "intake  4/10  1 refused, 1 duplicate" in text
    assert text.count("judging") == 1


def test_a_set_stop_ends_it_early():
    stop = StopRequest()
    stop.set()
    assert follow(ROW, stop=stop)[0] == ROW


def test_a_file_that_nothing_takes_up_is_remarked_once():
    waiting = [row(BatchStatus.UPLOADED)] * 20
    _, text = follow(*waiting, row(BatchStatus.COMPLETE))
    assert text.count(STANDSTILL[:40]) == 1


def test_without_a_terminal_a_line_a_second_at_most_and_the_last_state_in_any_case():
    text = io.StringIO()
    with LinesDisplay(Console(file=text, width=100), Ticking(0.1)) as display:
        for done in range(1, 8):
            display.show([Bar("verify", done, 1_000)])
    assert text.getvalue().splitlines() == ["verify  1/1,000", "verify  7/1,000"]


def test_without_a_console_it_only_waits():
    done = row(BatchStatus.COMPLETE)
    assert BatchFollower(Script(ROW, done), BATCH_ID, poll_s=0).run() == done
