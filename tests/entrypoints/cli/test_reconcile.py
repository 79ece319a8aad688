"""Reconciliation on a real Postgres: each kind of difference in rows, jobs and views is made, and found where it is."""

import re

import pytest
from msgspec.structs import replace as changed

from dispatch.application.ports.clock import utc_now
from dispatch.application.reconcile.findings import MEANINGS, Code
from dispatch.application.reconcile.scope import Scope
from dispatch.domain.batch.events import BatchClosed, ChunkAdmitted
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.job.events import JobDelivered, StageCompleted, StageStarted
from dispatch.domain.operations.events import RepairKind

pytestmark = pytest.mark.postgres


@pytest.mark.acceptance("S.09", part="reconcile: rows, jobs, events and sends that agree")
def test_where_all_agrees_nothing_is_found_and_nothing_is_recorded(bench, delivered):
    head = bench.system.app.ledger.head()
    report = bench.look()
    assert (report.counts, report.findings) == ({}, [])
    assert (report.batches, report.jobs) == (1, 5)
    assert bench.system.app.ledger.head() == head, "a look changes nothing"


def test_every_code_has_its_meaning():
    assert set(MEANINGS) == set(Code)


@pytest.mark.acceptance("S.09", part="reconcile: a view that lost a job is found and rebuilt")
@pytest.mark.parametrize(
    "tamper",
    [
        "DELETE FROM ops.jobs WHERE row_number = 2",
        "UPDATE ops.jobs SET status = 'blocked' WHERE row_number = 2",
        "UPDATE ops.jobs SET stage = 'clear' WHERE row_number = 2",
        "UPDATE ops.jobs SET version = 3 WHERE row_number = 2",
    ],
)
def test_a_view_that_differs_is_found_and_rebuilt(bench, delivered, tamper):
    assert bench.execute(tamper) == 1
    report = bench.look()
    [finding] = report.findings
    assert (finding.code, finding.row, finding.batch_id) == (Code.JOB_VIEW_DIFFERS, 2, delivered)
    assert finding.expected.startswith("delivered at confirm, version ")
    assert bench.look(repair=True).repairs[0].target == "jobs"
    bench.system.project()
    assert bench.codes() == {}


def test_a_job_that_only_the_view_knows_is_found(bench, delivered):
    bench.execute(
        "INSERT INTO ops.jobs SELECT (left(job_id::text, 28) || '000000ff')::uuid, batch_id, 255, reference, service,"
        " price_pence, status, stage, attempts, error_code, opened_at, changed_at, due_at, version, priority"
        " FROM ops.jobs WHERE row_number = 1"
    )
    [finding] = bench.look().findings
    assert (finding.code, finding.expected) == (Code.JOB_VIEW_DIFFERS, "no such job")


def test_a_view_that_is_behind_is_no_difference_until_it_is_behind_for_long(bench, opened):
    system = bench.system
    project, system.project = system.project, lambda: None
    system.settle(opened, "validate")
    assert bench.codes() == {}
    bench.age()
    behind = bench.look(busy=list(system.app.stages))
    assert behind.counts == {"view_behind": len(system.app.queries.positions())}
    assert "is behind the ledger" in behind.findings[0].what
    project()
    assert bench.codes(busy=list(system.app.stages)) == {}


@pytest.mark.acceptance("S.09", part="reconcile: counters of a batch that differ from its jobs")
@pytest.mark.acceptance("X23", part="what a batch says of itself is compared with its jobs")
def test_the_counters_of_a_batch_are_compared_with_its_jobs(bench, delivered):
    bench.execute("UPDATE intake.batches SET delivered = delivered - 1, blocked = 1")
    [finding] = bench.look().findings
    assert finding.code is Code.BATCH_VIEW_DIFFERS
    assert (finding.found, finding.expected) == (
        "complete: 4 delivered, 1 blocked, 0 cancelled, 0 archived, 0 escalated, of 5 jobs",
        "complete: 5 delivered, 0 blocked, 0 cancelled, 0 archived, 0 escalated, of 5 jobs",
    )
    assert [repair.kind for repair in bench.look(repair=True).repairs] == [RepairKind.REBUILD_VIEW]
    assert bench.codes() == {}


@pytest.mark.acceptance("X20", part="a start without an answer is found and said")
def test_an_attempt_without_an_answer_is_in_doubt_and_nothing_is_sent_for_it(bench, opened):
    for stage in ("validate", "promote", "slots", "enrich", "verify", "clear"):
        bench.system.settle(opened, stage)
    bench.start(opened, bench.job_ids(opened)[:2])
    bench.age()
    report = bench.look(busy=["dispatch"])
    assert report.counts == {"attempt_in_doubt": 2}
    finding = report.findings[0]
    assert finding.what == "attempt 1 at dispatch has begun, and its end is not recorded"
    assert re.fullmatch(r"no answer for 36\d\d s", finding.found)
    assert finding.repair is None
    assert bench.look(busy=["dispatch"], repair=True).repairs == []


@pytest.mark.acceptance("2.22", part="a second send of one job would be found")
def test_a_history_that_must_not_be_is_found(bench, opened):
    first, second, third, fourth, fifth = bench.job_ids(opened)
    at = utc_now()
    sent = StageCompleted(job_id=first, at=at, stage="dispatch", attempt=1, next_stage="confirm")
    started = StageStarted(job_id=first, at=at, stage="dispatch", attempt=1, idempotency_key="k")
    cleared = StageCompleted(job_id=first, at=at, stage="clear", attempt=1, next_stage="dispatch")

    def of(job_id, *events):
        bench.force(job_id, opened, *(changed(event, job_id=job_id) for event in events))

    of(first, JobDelivered(job_id=first, at=at))
    of(second, cleared, started, sent, sent)
    of(third, started, sent)
    of(fourth, cleared, sent)
    of(fifth, cleared, started, sent, JobDelivered(job_id=first, at=at), cleared)
    found = {(finding.code, finding.job_id) for finding in bench.look().findings}
    assert found >= {
        (Code.DELIVERED_WITHOUT_SEND, first),
        (Code.SENT_TWICE, second),
        (Code.SENT_WITHOUT_CLEARANCE, third),
        (Code.SENT_WITHOUT_START, fourth),
        (Code.MOVED_AFTER_END, fifth),
    }


@pytest.mark.acceptance("S.09", part="reconcile: a lost event and a lost job")
def test_lost_events_and_lost_jobs_are_found(bench, delivered):
    first, second, *_ = bench.job_ids(delivered)
    with bench.unguarded() as connection:
        connection.execute(
            "DELETE FROM ledger.stored_events WHERE originator_id = %s::uuid AND originator_version = 3", (first,)
        )
        connection.execute("DELETE FROM ledger.stored_events WHERE originator_id = %s::uuid", (second,))
    report = bench.look()
    assert report.counts == {
        "batch_closed_early": 1,
        "batch_view_differs": 1,
        "events_missing": 1,
        "job_view_differs": 1,
        "jobs_missing": 1,
    }
    by_code = {finding.code: finding for finding in report.findings}
    assert by_code[Code.JOBS_MISSING].what == "fewer jobs than were admitted: rows 1 to 5"
    assert (by_code[Code.JOBS_MISSING].found, by_code[Code.JOBS_MISSING].expected) == ("4 jobs", "5 jobs")
    assert by_code[Code.JOB_VIEW_DIFFERS].job_id == second
    assert by_code[Code.EVENTS_MISSING].job_id == first


def test_rows_that_do_not_add_up_are_found(bench, opened):
    at = utc_now()
    bench.force(opened, opened, ChunkAdmitted(batch_id=opened, at=at, chunk=2, row_through=9, jobs=2, duplicates=1))
    counts = bench.codes()
    assert counts["jobs_missing"] == 1


@pytest.mark.acceptance("X23", part="a batch that was closed while jobs are open is found")
def test_a_batch_that_was_closed_before_its_jobs_ended_is_found(bench, opened):
    closed = BatchClosed(batch_id=opened, at=utc_now(), outcome="complete", delivered=5, blocked=0, cancelled=0)
    bench.force(opened, opened, closed)
    report = bench.look()
    assert report.counts.pop("batch_closed_early") == 1
    [early] = [finding for finding in report.findings if finding.code is Code.BATCH_CLOSED_EARLY]
    assert early.found == "5 open jobs"


def test_a_batch_that_was_taken_back_and_judged_anew_agrees(bench, run, jobs_file, system):
    batch_id = bench.admitted(jobs_file(good=4), run)
    system.app.take_back.undo(batch_id, "eve", "the wrong file")
    system.app.take_in(batch_id, until=lambda: False)
    system.project()
    assert bench.codes() == {}
    system.app.take_back.reset(batch_id, "eve", "right after all")
    system.app.take_in(batch_id, until=lambda: False)
    system.project()
    assert system.app.queries.batch(batch_id).status is BatchStatus.PROCESSING
    assert bench.codes() == {}
    bench.send(batch_id)
    bench.close()
    assert bench.codes() == {}


def test_findings_are_bounded_and_counts_are_exact(bench, run, jobs_file):
    batch_id = bench.admitted(jobs_file(good=300), run)
    bench.execute("UPDATE ops.jobs SET status = 'blocked'")
    report = bench.look()
    assert report.counts == {"job_view_differs": 300}
    assert len(report.findings) == 200
    places = [finding.job_id for finding in report.findings]
    assert places == sorted(places)
    assert bench.codes(scope=Scope(batch_id=batch_id)) == {"job_view_differs": 300}
