"""The sheet of batches to be taken in: who comes first, one worker at each, nobody starves, nothing spins."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import psycopg
import pytest
from msgspec.structs import replace
from psycopg_pool import ConnectionPool

import examples
from dispatch.adapters.postgres.intake_sheet import LONG_FILE_BYTES, PostgresIntakeSheet
from dispatch.adapters.postgres.projector import Projector
from dispatch.application.intake.turns import batch_facts
from dispatch.application.ports.intake_sheet import FAILURES_MAX
from dispatch.application.ports.ledger import Append
from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.state import BatchStatus
from ledgers import cause, new_id, opened_ledger

pytestmark = [pytest.mark.postgres, pytest.mark.acceptance("1.56", part="the sheet of batches that wait")]
LOW, NORMAL, HIGH, URGENT = Priority
PASS_BY = """
UPDATE ops.intake_turns SET waiting_since = waiting_since - %(by)s, served_at = served_at - %(by)s,
       next_at = next_at - %(by)s, leased_until = leased_until - %(by)s
"""


@pytest.fixture
def ledger(database_url):
    with opened_ledger(database_url) as ledger:
        yield ledger


@pytest.fixture
def projector(database_url, ledger):
    projector = Projector(database_url, ledger)
    projector.prepare()
    yield projector
    projector.close()


@pytest.fixture
def sheet(database_url, projector):
    with ConnectionPool(database_url, min_size=1, max_size=4) as pool:
        sheet = PostgresIntakeSheet(pool)
        sheet.prepare()
        yield sheet


@pytest.fixture
def given(ledger, projector):
    """Records a batch that came after those before, or more events of one; answers its id."""
    numbers = count(1)

    def record(*events, batch_id="", **received):
        batch_id, version = batch_id or new_id(), ledger.load(batch_id).version if batch_id else 0
        if not version:
            number = next(numbers)
            named = {
                "file_hash": f"{number:064x}",
                "at": examples.NOON + timedelta(seconds=number),
                "priority": NORMAL,
            } | received
            events = (replace(examples.received, **named), *events)
        events = [replace(event, batch_id=batch_id) for event in events]
        ledger.append([Append(batch_id, version, events, cause())])
        while projector.step():
            pass
        return batch_id

    return record


@pytest.fixture
def at(database_url):
    """Lets time pass: everything on the sheet happened so long before."""

    def pass_by(**length):
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(PASS_BY, {"by": timedelta(**length)})

    return pass_by


def judged(value_pence=0):
    """Judged, and let in by a person: it waits for its admission with a value."""
    return [replace(examples.judged, value_pence=value_pence), examples.approval_requested, examples.approved]


IN = [*judged(), examples.chunk_admitted, examples.admitted]


def order(sheet):
    """Every batch that waits, in the order in which workers get them."""
    turns = iter(lambda: sheet.take(f"w-{new_id()}"), None)
    return [turn.batch_id for turn in turns]


def test_nothing_waits_where_nothing_came(sheet):
    assert sheet.take("w") is None
    assert sheet.stuck() == []


@pytest.mark.acceptance("1.57", part="by priority, then value, then age")
def test_the_order_is_by_priority_then_value_then_age(sheet, given):
    low = given(priority=LOW)
    normal, normal_later = given(), given()
    cheap, dear = given(*judged(value_pence=100)), given(*judged(value_pence=900))
    urgent, high = given(priority=URGENT), given(priority=HIGH)
    assert order(sheet) == [urgent, high, dear, cheap, normal, normal_later, low]


def test_a_changed_priority_counts_at_once(sheet, given):
    first, second = given(), given()
    given(replace(examples.prioritised, priority=URGENT), batch_id=second)
    assert order(sheet) == [second, first]


def test_what_is_on_the_sheet_is_what_needs_intake(sheet, given):
    uploaded, admitting = given(), given(*judged())
    given(*IN)
    given(*judged()[:2])  # Waits for a person.
    repairing = given(*IN)
    given(replace(examples.correction_received, rejudges=False), batch_id=repairing)
    assert set(order(sheet)) == {uploaded, admitting, repairing}


def test_a_batch_is_with_one_worker_at_a_time(sheet, given):
    batches = {given() for _ in range(6)}
    with ThreadPoolExecutor(8) as workers:
        turns = list(workers.map(lambda number: sheet.take(f"w-{number}"), range(8)))
    assert sorted(turn.batch_id for turn in turns if turn) == sorted(batches)
    assert sum(turn is None for turn in turns) == 2


@pytest.mark.acceptance("1.56", part="a batch whose worker is gone is taken over within seconds")
def test_who_is_silent_loses_the_batch_and_who_lives_keeps_it(sheet, given, at):
    batch_id = given()
    first = sheet.take("silent")
    at(seconds=3)
    sheet.keep("silent")
    at(seconds=3)
    assert sheet.take("other") is None
    at(seconds=3)
    taken = sheet.take("other")
    assert (taken.batch_id, taken.worker) == (batch_id, "other")
    sheet.done(first)  # Believed dead, it finds its way back: the batch is not its own any more.
    sheet.keep("silent")
    assert sheet.take("third") is None


def behind(ledger, *events, **received):
    """A batch that the ledger knows and the views do not; answers its id."""
    batch_id = new_id()
    first = replace(examples.received, batch_id=batch_id, file_hash=new_id().replace("-", "") * 2, **received)
    ledger.append([Append(batch_id, 0, [first, *(replace(event, batch_id=batch_id) for event in events)], cause())])
    return batch_id


@pytest.mark.acceptance("1.56", part="also while the views are far behind the ledger")
def test_what_is_noted_waits_although_the_views_do_not_know_it_yet(sheet, ledger, given):
    old, news = given(), behind(ledger, priority=URGENT)
    assert order(sheet) == [old]
    sheet.note(batch_facts(ledger, news))
    turn = sheet.take("w")
    assert (turn.batch_id, turn.priority) == (news, URGENT)


def test_what_is_done_is_left_alone_until_the_views_know_it_too(sheet, ledger, projector, at):
    batch_id = behind(ledger)
    sheet.note(batch_facts(ledger, batch_id))
    turn = sheet.take("w")
    events = [
        replace(event, batch_id=batch_id) for event in (examples.judged, examples.chunk_admitted, examples.admitted)
    ]
    ledger.append([Append(batch_id, 1, events, cause())])
    sheet.note(batch_facts(ledger, batch_id))
    sheet.done(turn)
    at(seconds=1)
    projector.step(1)  # The views come to where it was received.
    assert sheet.take("w") is None
    projector.step()
    assert sheet.take("w") is None


def test_what_needs_intake_after_its_turn_as_before_comes_again_after_a_pause(sheet, given, at):
    batch_id = given()
    sheet.done(sheet.take("w"))
    at(seconds=-5)  # However slow this machine is.
    assert sheet.take("w") is None
    at(seconds=6)
    assert sheet.take("w").batch_id == batch_id


def test_older_facts_do_not_replace_newer_ones(sheet, ledger):
    batch_id = behind(ledger)
    old = batch_facts(ledger, batch_id)
    ledger.append([Append(batch_id, 1, [replace(examples.prioritised, batch_id=batch_id, priority=LOW)], cause())])
    sheet.note(batch_facts(ledger, batch_id))
    sheet.note(old)
    assert sheet.take("w").priority is LOW


@pytest.mark.acceptance("1.56", part="a slice is over: others of the same priority come first")
def test_what_is_put_back_queues_behind_others_of_its_priority(sheet, given, at):
    large = given(*judged(value_pence=1_000_000))
    turn = sheet.take("w")
    assert (turn.batch_id, turn.status) == (large, BatchStatus.ADMITTING)
    small, low = given(), given(priority=LOW)
    sheet.put_back(turn)
    at(seconds=1)
    assert order(sheet) == [small, large, low]


def test_what_was_only_judged_has_not_had_its_turn_yet(sheet, given, at):
    batch_id, other = given(), given()
    turn = sheet.take("w")
    given(replace(examples.judged, value_pence=5), batch_id=batch_id)
    sheet.put_back(turn)
    at(seconds=1)
    assert order(sheet) == [batch_id, other]


def test_a_turn_is_wanted_by_whoever_would_come_first_and_has_waited(sheet, given, at):
    given(*judged(value_pence=1))
    turn = sheet.take("w")
    given(priority=LOW)
    assert sheet.take("x") is not None
    assert not sheet.is_wanted(turn), "nobody waits"
    given()
    sheet.done(sheet.take("y"))
    at(seconds=-5)  # However slow this machine is.
    assert not sheet.is_wanted(turn)
    at(seconds=8)
    assert sheet.is_wanted(turn)


@pytest.mark.acceptance("1.57", part="nothing starves: a minute of waiting is worth one priority")
def test_low_priority_does_not_starve_under_a_flood_of_urgent_ones(sheet, given, at):
    low = given(priority=LOW)
    served = []
    for _ in range(8):  # Every half minute another urgent one comes, and there is time for one.
        given(priority=URGENT)
        turn = sheet.take("w")
        served.append(turn.batch_id)
        given(examples.judged, examples.chunk_admitted, examples.admitted, batch_id=turn.batch_id)
        sheet.done(turn)
        at(seconds=30)
    assert low in served
    assert served.index(low) >= 5, "but it waits its two and a half minutes"


def test_one_worker_of_two_is_kept_free_of_judging_large_files(sheet, given):
    long = [given(file_bytes=LONG_FILE_BYTES), given(file_bytes=LONG_FILE_BYTES)]
    assert sheet.take("a", workers=2).batch_id == long[0]
    assert sheet.take("b", workers=2) is None
    small = given()
    assert sheet.take("b", workers=2).batch_id == small
    assert sheet.take("c", workers=3).batch_id == long[1], "of three, two may"


def test_what_fails_is_tried_again_after_a_pause_that_doubles(sheet, given, at, database_url):
    batch_id = given()
    for failures, pause in enumerate([1, 2, 4, 8, 16, 32, 60, 60], 1):
        turn = sheet.take("w")
        assert turn.batch_id == batch_id
        assert sheet.failed(turn, "file_missing") == failures
        with psycopg.connect(database_url) as connection:
            [left] = connection.execute("SELECT extract(epoch FROM next_at - now()) FROM ops.intake_turns").fetchone()
        assert pause - 5 < left <= pause, "five seconds for a busy machine"
        at(seconds=pause)


def test_one_that_fails_holds_up_no_other(sheet, given):
    urgent, other = given(priority=URGENT), given()
    turn = sheet.take("w")
    assert turn.batch_id == urgent
    sheet.failed(turn, "RuntimeError")
    assert sheet.take("w").batch_id == other


@pytest.mark.acceptance("1.16", part="what keeps failing is an alarm with its cause; what works again is none")
def test_what_keeps_failing_is_stuck_with_its_cause(sheet, given, at):
    batch_id = given(file_name="april.csv")
    for _ in range(FAILURES_MAX):
        assert sheet.stuck() == []
        sheet.failed(sheet.take("w"), "file_missing")
        at(minutes=1)
    [stuck] = sheet.stuck()
    assert (stuck.batch_id, stuck.file_name, stuck.failures, stuck.cause) == (
        batch_id,
        "april.csv",
        FAILURES_MAX,
        "file_missing",
    )
    sheet.put_back(sheet.take("w"))
    assert sheet.stuck() == []


@pytest.mark.acceptance("1.16", part="ten minutes without an event, however young or old the batch is")
def test_what_has_not_moved_for_ten_minutes_is_stuck(sheet, given):
    batch_id = given()
    given(*IN)
    assert sheet.stuck() == []
    [stuck] = sheet.stuck(after=timedelta(seconds=-1))
    assert (stuck.batch_id, stuck.status, stuck.failures) == (batch_id, BatchStatus.UPLOADED, 0)


@pytest.mark.acceptance("S.09", part="a batch can be taken from a worker that lives and does nothing")
def test_a_released_batch_goes_to_the_next_who_asks(sheet, given):
    batch_id = given()
    turn = sheet.take("hangs")
    sheet.keep("hangs")
    assert sheet.take("next") is None
    sheet.release(batch_id)
    assert sheet.take("next").batch_id == batch_id
    sheet.put_back(turn)  # The one that hung wakes up: it has no say any more.
    assert sheet.take("third") is None
    sheet.release(new_id())  # One that nobody has.
