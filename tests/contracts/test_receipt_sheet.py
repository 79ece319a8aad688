"""The sheet of receipts: what waits is kept once, is looked at less and less often, and everything is counted."""

from datetime import timedelta

import pytest
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.receipt_sheet import PostgresReceiptSheet
from dispatch.adapters.receipt_sheet_memory import MemoryReceiptSheet
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.receipts import Receipt
from dispatch.domain.job.events import StageCompleted
from dispatch.domain.job.receipt_status import ReceiptStatus
from examples import NOON
from ledgers import cause, new_id, opened_job, opened_ledger

JOB = new_id()


class Memory:
    """The form in memory, whose clock can be turned."""

    def __init__(self):
        self.at = utc_now()
        self.sheet = MemoryReceiptSheet(lambda: self.at)
        self.sheet.sent["main", "m-1"] = JOB

    def later(self, seconds):
        self.at += timedelta(seconds=seconds)


class Postgres:
    """The form in Postgres: time passes by moving what was noted into the past."""

    def __init__(self, sheet, pool):
        self.sheet, self._pool = sheet, pool

    def later(self, seconds):
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE ops.receipts_waiting SET look_at = look_at - %(s)s, first_at = first_at - %(s)s",
                {"s": timedelta(seconds=seconds)},
            )


@pytest.fixture
def postgres_form(database_url):
    with opened_ledger(database_url) as ledger, ConnectionPool(database_url, min_size=1, max_size=4) as pool:
        sent = StageCompleted(
            job_id=JOB, at=NOON, stage="dispatch", attempt=1, next_stage="confirm",
            output={"message_id": "m-1", "provider": "main"},
        )  # fmt: skip
        ledger.append([Append(JOB, 0, [opened_job(JOB), sent], cause())])
        sheet = PostgresReceiptSheet(pool)
        assert sheet.jobs_of("main", ["m-1"]) == {}, "the view is not there yet"
        sheet.prepare()
        sheet.prepare()  # Twice does no harm.
        projector = Projector(database_url, ledger)
        projector.prepare()
        while projector.step():
            pass
        projector.close()
        yield Postgres(sheet, pool)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def form(request):
    return Memory() if request.param == "memory" else request.getfixturevalue("postgres_form")


def receipt(message_id="m-9", status=ReceiptStatus.DELIVERED, **more):
    return Receipt(**{"provider": "main", "status": status, "said_at": NOON, "message_id": message_id, **more})


def test_a_message_is_found_under_its_provider_alone(form):
    assert form.sheet.jobs_of("main", ["m-1", "m-2"]) == {"m-1": JOB}
    assert form.sheet.jobs_of("spare", ["m-1"]) == {}


def test_what_waits_is_kept_once_and_its_repetitions_are_counted(form):
    form.sheet.note("main", {"received": 2}, [receipt(), receipt("m-8")])
    form.sheet.note("main", {"received": 1}, [receipt(said_at=NOON + timedelta(hours=1))])
    [total] = form.sheet.totals()
    assert (total.received, total.repeated, total.waiting) == (3, 1, 2)
    kept = {one.message_id: one for one in form.sheet.waiting(10)}
    assert (kept["m-9"].times, kept["m-8"].times) == (2, 1)
    assert kept["m-9"].said_at == NOON, "what was said first"
    assert len(form.sheet.waiting(1)) == 1


def test_the_same_message_may_be_said_to_have_failed_and_to_be_delivered(form):
    both = [receipt(status=status) for status in (ReceiptStatus.DELIVERED, ReceiptStatus.FAILED)]
    form.sheet.note("main", {"received": 2}, both)
    assert form.sheet.totals()[0].waiting == 2
    form.sheet.settle("main", {}, both[:1])
    assert [one.status for one in form.sheet.waiting(10)] == [ReceiptStatus.FAILED]


def test_what_waits_is_due_at_once_and_then_less_and_less_often(form):
    form.sheet.note("main", {"received": 1}, [receipt(code="30003", idempotency_key="k")])
    assert form.sheet.due(10) == [receipt(code="30003", idempotency_key="k")]
    form.sheet.put_off(form.sheet.due(10))
    assert form.sheet.due(10) == []
    form.later(1)
    assert len(form.sheet.due(10)) == 1
    form.later(1_000)
    form.sheet.put_off(form.sheet.due(10))
    form.later(90)
    assert form.sheet.due(10) == [], "a tenth of a thousand seconds"
    form.later(20)
    assert len(form.sheet.due(10)) == 1
    form.later(1_000_000)
    form.sheet.put_off(form.sheet.due(10))
    form.later(601)
    assert len(form.sheet.due(10)) == 1, "ten minutes at most: it is never forgotten"


def test_no_more_than_asked_for_are_due_and_what_is_settled_is_gone(form):
    form.sheet.note("main", {"received": 3}, [receipt(f"m-{n}") for n in range(3)])
    assert len(form.sheet.due(2)) == 2
    form.sheet.settle("main", {}, form.sheet.due(10))
    form.sheet.settle("main", {}, [receipt("m-0")])
    assert form.sheet.due(10) == []
    assert form.sheet.waiting(10) == []


def test_who_settles_counts_each_that_still_waited_as_repeated_and_takes_off_what_it_recorded(form):
    """Two looked at the same two at once: one has recorded both, the other found that; whoever says so first."""
    kept = [receipt("m-1"), receipt("m-2")]
    recorded, found = {"recorded": 2, "late": 2, "repeated": -2}, {}
    for first, second in ((recorded, found), (found, recorded)):
        form.sheet.note("main", {"received": 2}, kept)
        form.sheet.settle("main", first, kept)
        form.sheet.settle("main", second, kept)
        [total] = form.sheet.totals()
        assert total.received == total.recorded == total.late
        assert (total.repeated, total.waiting) == (0, 0)


def test_counts_are_kept_by_provider(form):
    form.sheet.note("main", {"received": 5, "recorded": 4, "pending": 1, "contradicting": 2, "late": 0}, [])
    form.sheet.note("main", {"received": 1, "recorded": 1}, [])
    form.sheet.note("a-texter", {"received": 7}, [])
    first, second = form.sheet.totals()
    assert (first.provider, first.received) == ("a-texter", 7)
    assert (second.received, second.recorded, second.pending, second.contradicting, second.late) == (6, 5, 1, 2, 0)
