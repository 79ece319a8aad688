"""Turns: a slice lasts long enough to be worth it, ends when others want it, and what fails stops nobody."""

import pytest
from intake_desk import Desk

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.intake.turns import FILE_MISSING, SLICE_S, Outcome, Slice, TakeTurns
from dispatch.application.ports.intake_sheet import Turn
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.state import BatchStatus

pytestmark = pytest.mark.acceptance("1.56", part="slices")
HEADER = "reference,service,price,customer_name,phone,postcode,lawful_basis,sale_ref\n"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class OneBatch:
    """A sheet with one batch on it, which says what it was told."""

    def __init__(self, batch_id: str, *, wanted: bool = False) -> None:
        self.batch_id, self.wanted, self.told = batch_id, wanted, []

    def take(self, worker, *, workers=1):
        return Turn(batch_id=self.batch_id, worker=worker, status=BatchStatus.UPLOADED, priority=Priority.NORMAL)

    def note(self, facts):
        self.facts = facts

    def is_wanted(self, turn):
        return self.wanted

    def put_back(self, turn):
        self.told.append("put_back")

    def done(self, turn):
        self.told.append("done")

    def failed(self, turn, cause):
        self.told.append(cause)
        return len(self.told)


def test_a_slice_ends_when_its_time_is_up_and_another_wants_the_turn():
    clock, wanted = Clock(), []
    over = Slice(lambda: bool(wanted), lambda: False, clock)
    assert not over()
    clock.now = SLICE_S
    assert not over(), "nobody wants it: there is no reason to stop"
    wanted.append("another")
    assert over()


def test_a_slice_lasts_as_long_as_it_took_to_find_its_place():
    clock = Clock()
    over = Slice(lambda: True, lambda: False, clock)
    clock.now = 30.0  # It has read half a million rows again before its first chunk.
    assert not over()
    clock.now = 59.0
    assert not over()
    clock.now = 60.0
    assert over()


def test_a_stop_ends_a_slice_at_once():
    assert Slice(lambda: False, lambda: True)()


def rows(count: int) -> str:
    row = "J-{},boiler service,85.00,Ann Example,07700 900123,LS1 4AP,contract,S-1\n"
    return HEADER + "".join(map(row.format, range(count)))


def test_a_turn_ends_between_two_chunks_and_the_next_one_goes_on(tmp_path):
    desk = Desk(tmp_path, MemoryLedger())
    batch_id = desk.bring(rows(8)).batch_id
    sheet = OneBatch(batch_id)
    turns = TakeTurns(desk.ledger, sheet, desk.admit)
    stopped = turns("w", lambda: True)
    assert (stopped.outcome, stopped.status) == (Outcome.PUT_BACK, BatchStatus.ADMITTING)
    assert len(desk.jobs()) == 3
    ended = turns("w")
    assert (ended.outcome, ended.status) == (Outcome.DONE, BatchStatus.PROCESSING)
    assert [job.row for job in desk.jobs()] == list(range(1, 9))
    assert sheet.told == ["put_back", "done"]
    facts = sheet.facts
    assert (facts.status, facts.value_pence, facts.needs_intake) == (BatchStatus.PROCESSING, 8 * 8_500, False)


def test_a_lost_file_is_noted_by_its_cause(tmp_path):
    desk = Desk(tmp_path, MemoryLedger())
    received = desk.bring(rows(3))
    desk.files.remove(received.file_hash)
    served = TakeTurns(desk.ledger, OneBatch(received.batch_id), desk.admit)("w")
    assert (served.outcome, served.failures, served.cause) == (Outcome.FAILED, 1, FILE_MISSING)


def test_a_crash_is_noted_by_its_kind_and_not_by_its_words():
    def crash(batch_id, *, until):
        raise ValueError("Ann Example, 07700 900123")

    served = TakeTurns(MemoryLedger(), OneBatch("b"), crash)("w")
    assert (served.outcome, served.cause) == (Outcome.FAILED, "ValueError")


def test_a_database_that_is_gone_is_nobodys_failure():
    def gone(batch_id, *, until):
        raise LedgerUnavailable("gone")

    sheet = OneBatch("b")
    with pytest.raises(LedgerUnavailable):
        TakeTurns(MemoryLedger(), sheet, gone)("w")
    assert sheet.told == []
