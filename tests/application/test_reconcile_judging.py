"""What a reconciliation thinks, without a database: stretches of rows, spans of ids, batches, and what is mended."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

import examples
from dispatch.application.ports.reconciling import BatchHistory, Span, ViewedBatch
from dispatch.application.reconcile.findings import Code, Place
from dispatch.application.reconcile.judge_batch import BatchJobs, Stretch, judge_batch, starts, stretches
from dispatch.application.reconcile.look import LAST_ID, NO_ID, gaps, span_of
from dispatch.application.reconcile.repair import OFFERS_PER_STATEMENT, Mending, Tools
from dispatch.application.reconcile.report import FINDINGS_KEPT, KEPT_PER_CODE, Tally
from dispatch.domain.identity import job_ids
from dispatch.domain.operations.events import RepairKind
from examples import BATCH_ID, NOON

JUDGED = replace(examples.judged, rows=12, accepted=10, rejected=1, duplicates=1)
CHUNKS = (
    replace(examples.chunk_admitted, chunk=1, row_through=6, jobs=5, duplicates=0),
    replace(examples.chunk_admitted, chunk=2, row_through=12, jobs=4, duplicates=1),
)
ADMITTED = (examples.received, JUDGED, *CHUNKS, examples.admitted)
CLOSED = replace(examples.closed, delivered=8, blocked=1, cancelled=0, archived=0)
DONE = {"delivered": 8, "blocked": 1}
VIEWED = ViewedBatch(status="complete_with_exceptions", jobs=9, delivered=8, blocked=1, cancelled=0, escalated=0)


def judged(*events, jobs=DONE, viewed=VIEWED, after=timedelta(hours=1), **of_jobs):
    history = BatchHistory(events=events, moved_at=NOON)
    return [
        finding.code for finding in judge_batch(BATCH_ID, history, BatchJobs(now=jobs, **of_jobs), viewed, NOON + after)
    ]


def test_a_batch_that_agrees_has_no_finding():
    assert judged(*ADMITTED, CLOSED) == []


@pytest.mark.acceptance("X23", part="the outcome of a batch is that of its jobs")
@pytest.mark.parametrize(
    "closed",
    [
        replace(CLOSED, outcome="complete"),
        replace(CLOSED, delivered=9, blocked=0),
        replace(CLOSED, cancelled=1),
    ],
)
def test_a_batch_that_closed_otherwise_than_its_jobs_is_found(closed):
    assert Code.BATCH_CLOSED_EARLY in judged(*ADMITTED, closed, viewed=replace(VIEWED, status=closed.outcome))


def test_rows_that_are_not_accounted_for_are_found():
    assert judged(examples.received, replace(JUDGED, rows=13), *CHUNKS, examples.admitted, CLOSED) == [
        Code.ROWS_DO_NOT_ADD_UP
    ]
    short = replace(CHUNKS[1], duplicates=0)
    assert judged(examples.received, JUDGED, CHUNKS[0], short, examples.admitted, CLOSED) == [Code.ROWS_DO_NOT_ADD_UP]


def test_a_view_that_is_behind_is_not_compared():
    behind = replace(VIEWED, delivered=3)
    assert judged(*ADMITTED, CLOSED, viewed=behind, unseen=1) == []
    assert judged(*ADMITTED, CLOSED, viewed=behind) == [Code.BATCH_VIEW_DIFFERS]
    assert judged(*ADMITTED, CLOSED, viewed=None) == [Code.BATCH_VIEW_DIFFERS]


def test_timers_have_a_minute_to_close_a_batch_from_its_last_job_on():
    ready = replace(VIEWED, status="processing")
    late = NOON + timedelta(minutes=59, seconds=30)
    assert judged(*ADMITTED, viewed=ready) == [Code.BATCH_NOT_CLOSED]
    assert judged(*ADMITTED, viewed=ready, moved_at=late) == []


def test_a_batch_before_the_intake_has_ten_minutes():
    waits = ViewedBatch(status="uploaded", jobs=0, delivered=0, blocked=0, cancelled=0, escalated=0)
    assert judged(examples.received, jobs={}, viewed=waits) == [Code.BATCH_STALE]
    assert judged(examples.received, jobs={}, viewed=waits, after=timedelta(minutes=9)) == []


def test_stretches_are_chunks_with_the_rows_that_were_mended_in_them():
    repaired = replace(examples.rows_repaired, rows=(3, 12), duplicates=(4,))
    assert stretches(ADMITTED) == [Stretch(6, 5), Stretch(12, 4)]
    assert stretches((*ADMITTED, repaired)) == [Stretch(6, 6), Stretch(12, 5)]
    assert stretches((*ADMITTED, replace(repaired, rows=(40,)))) == [Stretch(6, 5), Stretch(12, 4), Stretch(40, 1)]
    again = (*ADMITTED, examples.undo_requested, examples.undone, replace(examples.reset, at=NOON + timedelta(days=1)))
    assert stretches(again) == []
    assert starts(again) == [NOON, NOON + timedelta(days=1)]


def test_spans_hold_the_ids_of_their_rows_and_gaps_all_others():
    span = span_of(BATCH_ID, NOON)
    assert span.first == job_ids(BATCH_ID, NOON)(0)
    assert span.first < job_ids(BATCH_ID, NOON)(1) < span.last
    before, behind = gaps([span])
    assert before.first == NO_ID
    assert before.last < span.first
    assert behind == Span(span.last, LAST_ID)
    assert gaps([]) == [Span(NO_ID, LAST_ID)]


def test_a_tally_counts_everything_and_keeps_little():
    tally = Tally()
    for code in Code:
        for number in range(KEPT_PER_CODE + 5):
            tally.add(Place(job_id=f"{number:05}").finding(code, "w", 1, 2))
    assert tally.counts == {code.value: KEPT_PER_CODE + 5 for code in Code}
    kept = tally.findings()
    assert len(kept) == FINDINGS_KEPT
    assert [finding.severity.value for finding in kept] == sorted(finding.severity.value for finding in kept)


class Bag:
    """Notes what it was asked to mend."""

    def __init__(self):
        self.offered, self.done = [], []

    def offer(self, jobs):
        self.offered.append(len(jobs))


def test_each_view_is_rebuilt_once_and_offers_go_out_as_they_come():
    bag = Bag()
    tools = Tools(
        offers=bag,
        rebuild_view=bag.done.append,
        take_over=lambda batch_id: bag.done.append(f"take over {batch_id}"),
        close_batches=lambda: ["b", "another"],
    )
    mending = Mending(tools)
    for number in range(OFFERS_PER_STATEMENT + 1):
        mending.take(Place("b", f"{number}").finding(Code.JOB_FORGOTTEN, "w", 1, 2, stage="verify"))
        mending.take(Place("b", f"{number}").finding(Code.JOB_VIEW_DIFFERS, "w", 1, 2))
    assert bag.offered == [OFFERS_PER_STATEMENT]
    for code in (Code.BATCH_STALE, Code.BATCH_NOT_CLOSED, Code.SENT_TWICE):
        mending.take(Place("b").finding(code, "w", 1, 2))
    mending.take(Place("c").finding(Code.BATCH_NOT_CLOSED, "w", 1, 2))
    repairs = [(repair.kind, repair.target, repair.count) for repair in mending.finish()]
    assert repairs == [
        (RepairKind.REBUILD_VIEW, "jobs", 1),
        (RepairKind.OFFER_AGAIN, "b", OFFERS_PER_STATEMENT + 1),
        (RepairKind.TAKE_OVER, "b", 1),
        (RepairKind.CLOSE_BATCH, "b", 1),
    ]
    assert bag.done == ["jobs", "take over b"]
