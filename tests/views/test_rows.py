"""Given events, then rows: escalations, the progress of stages, and what belongs to no batch."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from following import catch_up
from msgspec.structs import replace
from projected import given as given

import examples
from dispatch.adapters.postgres.rebuild import rebuild
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.queries import EscalationRow, StageProgress
from dispatch.domain.identity import job_ids
from dispatch.domain.job.state import JobStatus
from examples import BATCH_ID, JOB_ID, NOON
from ledgers import cause

pytestmark = pytest.mark.postgres


@pytest.mark.acceptance("X22", part="what was given up is before a person, with its reason")
def test_escalations_are_open_until_someone_ends_them(given, queries):
    given(examples.opened, examples.failed, examples.escalated)
    [row] = queries.escalations()
    assert row == EscalationRow(
        job_id=JOB_ID,
        batch_id=BATCH_ID,
        stage="verify",
        reason="timeout",
        opened_at=NOON,
        priority=row.priority,
        provider="main",
        since=NOON,
    )
    given(examples.resumed)
    assert queries.escalations() == []
    given(replace(examples.escalated, at=NOON + timedelta(hours=1), reason="refused"))
    assert [(row.reason, row.opened_at) for row in queries.escalations()] == [("refused", NOON + timedelta(hours=1))]
    given(examples.cancelled)
    assert queries.escalations() == []


@pytest.mark.acceptance("S.06", part="retention: what was resolved stays longer than 90 days, with how it ended")
def test_what_was_resolved_long_ago_is_kept_with_how_it_ended(given, ledger, projector, database_url):
    raised, resumed = (datetime.now(UTC) - timedelta(days=days) for days in (101, 100))
    given(examples.opened, replace(examples.escalated, at=raised), replace(examples.resumed, at=resumed))
    assert rebuild(database_url, ledger, "escalations").same
    with psycopg.connect(database_url) as connection:
        kept = connection.execute("SELECT reason, opened_at, resolved_at, resolution FROM ops.escalations").fetchall()
    assert kept == [("timeout", raised, resumed, "resumed")]


@pytest.mark.parametrize(("hours", "priority"), [(23, "NORMAL"), (25, "HIGH"), (49, "CRITICAL")])
def test_escalations_grow_more_urgent(given, queries, hours, priority):
    given(examples.opened, replace(examples.escalated, at=datetime.now(UTC) - timedelta(hours=hours)))
    assert [row.priority for row in queries.escalations()] == [priority]


def test_stage_progress_counts_per_batch_and_stage(given, queries):
    given(examples.opened, examples.failed, examples.retry_scheduled, examples.completed)
    given(replace(examples.escalated, stage="dispatch"), replace(examples.blocked, stage="dispatch"))
    verify = StageProgress(stage="verify", entered=1, completed=1, failed_attempts=1, retries=1, escalated=0, blocked=0)
    dispatch = StageProgress(
        stage="dispatch", entered=1, completed=0, failed_attempts=0, retries=0, escalated=1, blocked=1
    )
    assert queries.stage_progress(BATCH_ID) == [verify, dispatch]


@pytest.mark.acceptance("1.37", part="the stages count what the batch has, after one reset and after another")
def test_stage_progress_of_a_batch_that_begins_anew_is_that_of_the_jobs_it_has(
    given, queries, ledger, projector, database_url
):
    def progress():
        return {
            row.stage: (row.entered, row.completed, row.failed_attempts) for row in queries.stage_progress(BATCH_ID)
        }

    def passed():
        return {row.stage: row.completed for row in queries.pipeline_health()}

    sent, gone, doubtful = map(job_ids(BATCH_ID, NOON), (1, 2, 3))
    given(examples.received, *(replace(examples.opened, job_id=job) for job in (sent, gone, doubtful)))
    given(*(replace(examples.completed, job_id=job) for job in (sent, gone, doubtful)))
    given(replace(examples.failed, job_id=gone, stage="dispatch"), examples.undo_requested)
    given(replace(examples.cancelled, job_id=gone, was_escalated=False), examples.undone)
    assert progress() == {"verify": (3, 3, 0), "dispatch": (3, 0, 1)}, "what was done was done"
    later = NOON + timedelta(hours=1)
    given(replace(examples.reset, at=later))
    assert progress() == {"verify": (2, 2, 0), "dispatch": (2, 0, 0)}
    assert passed() == {"verify": 3, "dispatch": 0}, "sums over everything never fall: they are counters elsewhere"

    anew = job_ids(BATCH_ID, later)(2)
    given(replace(examples.opened, job_id=anew), replace(examples.completed, job_id=anew))
    assert progress()["verify"] == (3, 3, 0)
    given(*(replace(examples.cancelled, job_id=job, was_escalated=False) for job in (anew, doubtful)))
    given(examples.undo_requested, examples.undone, replace(examples.reset, at=later + timedelta(hours=1)))
    assert progress() == {"verify": (1, 1, 0), "dispatch": (1, 0, 0)}
    assert passed() == {"verify": 4, "dispatch": 0}
    assert rebuild(database_url, ledger, "stage_progress").same


@pytest.mark.acceptance("1.10")
def test_pipeline_health_tells_what_is_at_each_stage_and_how_old_it_is(given, queries):
    waiting, stuck = JOB_ID, JOB_ID[:-1] + "8"
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    given(
        replace(examples.opened, at=an_hour_ago),
        replace(examples.failed, at=an_hour_ago),
        replace(examples.retry_scheduled, at=an_hour_ago),
        replace(examples.opened, job_id=stuck, at=datetime.now(UTC)),
        replace(examples.completed, job_id=stuck, at=datetime.now(UTC)),
        replace(examples.escalated, job_id=stuck, stage="dispatch", at=an_hour_ago),
    )
    verify, dispatch = queries.pipeline_health()
    assert (verify.stage, verify.running, verify.waiting, verify.escalated) == ("verify", 0, 1, 0)
    assert (verify.completed, verify.failed_attempts, verify.retries) == (1, 1, 1)
    assert (dispatch.stage, dispatch.running, dispatch.waiting, dispatch.escalated) == ("dispatch", 0, 0, 1)
    assert 3600 <= verify.oldest_age_s < 3720
    assert 3600 <= dispatch.oldest_age_s < 3720
    assert waiting in queries.job_ids(JOB_ID[:-1])


def test_ids_that_nobody_has(queries, projector):
    assert queries.batch(BATCH_ID) is None
    assert queries.job(JOB_ID) is None
    assert queries.row_errors(BATCH_ID) == []
    assert queries.batches() == queries.jobs() == queries.escalations() == queries.pipeline_health() == []


def test_events_without_a_batch_do_not_stop_the_views(ledger, projector, queries, given):
    """A view accepts every recorded event (traps: a projector that stops at one event stops for ever)."""
    given(examples.opened)
    lone = [replace(examples.escalated), replace(examples.resumed), replace(examples.delivered)]
    ledger.append([Append(JOB_ID, 1, lone, replace(cause(), correlation_id=""))])
    catch_up(projector)
    assert queries.job(JOB_ID).status is JobStatus.DELIVERED
