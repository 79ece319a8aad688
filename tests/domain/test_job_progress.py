"""A stage that works in parts: each part is recorded, its attempts count for themselves, and no number repeats."""

from msgspec.structs import replace

import examples
from dispatch.domain.job.commands import Done, GiveUp, Progressed, RecordOutcome, RerouteJob, ResumeJob, TryAgain
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobEscalated, RetryScheduled, StageCompleted, StageFailed
from dispatch.domain.job.state import JobStatus
from dispatch.domain.retry import RetryPolicy
from examples import ANN, JOB_ID, NOON, ROUTE
from given import Given

POLICY = RetryPolicy(attempts_max=2)
FIRST, *_ = ROUTE
opened = replace(examples.opened, scheduled_at=None)


def answer(attempt, outcome):
    return RecordOutcome(job_id=JOB_ID, at=NOON, stage=FIRST, attempt=attempt, outcome=outcome, retry=POLICY)


def part(attempt, **output):
    return StageCompleted(
        job_id=JOB_ID, at=NOON, stage=FIRST, attempt=attempt, next_stage=FIRST, output=output, priority=opened.priority
    )


def done(job, attempt, outcome):
    """The events of an answer."""
    return decider.decide(answer(attempt, outcome), job)


def test_a_part_of_a_stage_keeps_the_job_there_with_what_is_known_so_far():
    Given(decider, opened).when(answer(1, Progressed({"found": 1}))).then(part(1, found=1))
    job = decider.fold([opened, part(1, found=1)])
    assert (job.status, job.stage, job.outputs[FIRST], job.attempt) == (JobStatus.RUNNING, FIRST, {"found": 1}, 2)


def test_a_part_may_have_learnt_something_about_the_person():
    found = replace(ANN, phone="+441632960999")
    Given(decider, opened).when(answer(1, Progressed({}, found))).then(replace(part(1), person=found))


def test_an_answer_to_a_part_that_is_done_changes_nothing():
    Given(decider, opened, part(1, found=1)).when(answer(1, Progressed({"found": 9}))).then_nothing()
    Given(decider, opened, part(1, found=1)).when(answer(1, Done())).then_nothing()


def test_the_last_part_completes_the_stage():
    Given(decider, opened, part(1, found=1), part(2, found=2)).when(answer(3, Done({"found": 3}))).then(
        replace(part(3, found=3), next_stage=ROUTE[1])
    )


def test_each_part_has_the_attempts_of_the_policy_for_itself():
    job = decider.fold([opened, part(1, found=1)])
    failed, retry = done(job, 2, TryAgain("timeout"))
    assert isinstance(failed, StageFailed)
    assert isinstance(retry, RetryScheduled)
    assert retry.attempt == 3
    job = decider.fold([failed, retry], job)
    assert job.outputs[FIRST] == {"found": 1}, "what was found stays found"
    failed, escalated = done(job, 3, TryAgain("timeout"))
    assert isinstance(escalated, JobEscalated)
    assert decider.fold([failed, escalated], job).outputs[FIRST] == {"found": 1}


def test_a_job_that_is_sent_on_goes_on_behind_its_last_part():
    job = decider.fold([opened, part(1, found=1)])
    job = decider.fold(done(job, 2, GiveUp("http_422")), job)
    job = decider.fold(decider.decide(ResumeJob(job_id=JOB_ID, at=NOON, by="ann"), job), job)
    assert (job.stage, job.outputs[FIRST], job.attempt) == (FIRST, {"found": 1}, 3)


def test_a_job_that_goes_to_a_stage_anew_begins_without_what_was_found_there_before():
    """Also at the stages behind it, when it comes to them again."""
    job = decider.fold([opened, part(1, found=1), replace(part(2, found=2), next_stage=ROUTE[1])])
    job = decider.fold(
        decider.decide(
            RecordOutcome(
                job_id=JOB_ID, at=NOON, stage=ROUTE[1], attempt=1, outcome=GiveUp("no_such_mailbox"), retry=POLICY
            ),
            job,
        ),
        job,
    )
    again = RerouteJob(job_id=JOB_ID, at=NOON, stage=FIRST, by="ann", reason="the finder knows more now")
    job = decider.fold(decider.decide(again, job), job)
    assert FIRST not in job.outputs
    attempt = job.attempt
    assert attempt == 3, "above all earlier ones"
    job = decider.fold(done(job, attempt, Progressed({"found": 1})), job)
    assert (job.outputs[FIRST], job.attempt) == ({"found": 1}, attempt + 1)
