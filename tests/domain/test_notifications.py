"""The rules of notifications: when they begin, until when they can be ended, on which ground, under which id."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from dispatch.domain.consent import Basis
from dispatch.domain.identity import CHANCE_BYTES, new_notification_id, notification_id
from dispatch.domain.job.commands import CancelJob, Done, RecordOutcome, StartStage
from dispatch.domain.job.decide import (
    SCHEDULED_AHEAD_MAX,
    SCHEDULED_LATE_MAX,
    JobAlreadySent,
    ScheduledInThePast,
    ScheduledTooFarAhead,
    decider,
)
from dispatch.domain.job.events import JobCancelled, StageCompleted
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.state import JobStatus
from dispatch.domain.notification import Purpose, is_ground_for
from dispatch.domain.retry import RetryPolicy
from example_commands import open_job
from examples import JOB_ID, NOON, opened
from given import Given

A_SECOND = timedelta(seconds=1)
notify = replace(open_job, batch_id="", row=0, channel="sms", priority=JobPriority.HIGH)
notified = replace(opened, batch_id="", row=0, channel="sms", priority=JobPriority.HIGH)


def at(moment):
    return replace(notify, scheduled_at=moment)


@pytest.mark.acceptance("S.05", part="scheduledAt in the future waits")
def test_what_is_scheduled_waits_for_its_time():
    later = NOON + timedelta(hours=1)
    Given(decider).when(at(later)).then(replace(notified, scheduled_at=later))
    job = decider.fold([replace(notified, scheduled_at=later)])
    assert (job.status, job.due_at, job.stage) == (JobStatus.WAITING, later, "verify")


@pytest.mark.parametrize("moment", [None, NOON, NOON - SCHEDULED_LATE_MAX])
def test_without_a_time_or_a_moment_late_it_begins_at_once(moment):
    Given(decider).when(at(moment)).then(replace(notified, scheduled_at=moment))
    job = decider.fold([replace(notified, scheduled_at=moment)])
    assert (job.status, job.due_at) == (JobStatus.RUNNING, None)


def test_a_time_that_has_gone_by_or_is_too_far_ahead_is_refused():
    Given(decider).when(at(NOON - SCHEDULED_LATE_MAX - A_SECOND)).then_refused(ScheduledInThePast)
    Given(decider).when(at(NOON + SCHEDULED_AHEAD_MAX + A_SECOND)).then_refused(ScheduledTooFarAhead)
    Given(decider, notified).when(
        at(NOON - timedelta(days=1))
    ).then()  # It was opened before: asked twice, opened once.


@pytest.mark.acceptance("S.05", part="a notification that waits can be cancelled")
def test_what_waits_can_be_cancelled_and_what_is_on_its_way_cannot():
    cancel = CancelJob(job_id=JOB_ID, at=NOON, by="ann", reason="moved")
    scheduled = replace(notified, scheduled_at=NOON + A_SECOND)
    cancelled = JobCancelled(job_id=JOB_ID, at=NOON, by="ann", reason="moved", was_escalated=False)
    Given(decider, scheduled).when(cancel).then(cancelled)
    Given(decider, scheduled, cancelled).when(cancel).then()
    start = StartStage(job_id=JOB_ID, at=NOON, stage="verify", attempt=1, idempotency_key="k")
    started = decider.decide(start, decider.fold([scheduled]))
    Given(decider, scheduled, *started).when(cancel).then_refused(JobAlreadySent)


def test_each_stage_says_the_priority_for_the_next_one():
    done = RecordOutcome(job_id=JOB_ID, at=NOON, stage="verify", attempt=1, outcome=Done(), retry=RetryPolicy())
    completed = StageCompleted(
        job_id=JOB_ID, at=NOON, stage="verify", attempt=1, next_stage="dispatch", priority=JobPriority.HIGH
    )
    Given(decider, notified).when(done).then(completed)


@pytest.mark.acceptance("PE12", part="a contract is no ground for marketing, at the door already")
def test_a_contract_carries_service_messages_only():
    grounds = {purpose: {basis for basis in Basis if is_ground_for(basis, purpose)} for purpose in Purpose}
    assert grounds == {
        Purpose.SERVICE: {Basis.CONTRACT, Basis.CONSENT, Basis.SOFT_OPT_IN},
        Purpose.MARKETING: {Basis.CONSENT, Basis.SOFT_OPT_IN},
    }


def test_the_same_key_is_the_same_notification_and_without_one_each_is_new():
    assert notification_id("order-7") == notification_id("order-7") != notification_id("order-8")
    first, second = (new_notification_id(NOON, bytes([n]) * CHANCE_BYTES) for n in (1, 2))
    assert first[:13] == second[:13], "those of the same time are neighbours"
    assert first != second
    assert {one[14] for one in (first, second, notification_id("k"))} == {"8"}
    assert new_notification_id(datetime(2027, 1, 1, tzinfo=UTC), b"\0" * CHANCE_BYTES) > first
    with pytest.raises(ValueError, match="10 bytes of chance"):
        new_notification_id(NOON, b"few")
