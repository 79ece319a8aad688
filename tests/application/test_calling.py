"""Several providers for one thing: who is asked, when the next one is, and what is never done twice."""

import pytest
from calling_world import DOWN, SILENT, World, refuse

from dispatch.application.calling.line import InDoubt
from dispatch.domain.job.state import JobStatus


@pytest.mark.parametrize("stage", ["verify", "enrich"])
async def test_a_provider_that_surely_did_nothing_is_passed_over_within_the_attempt(stage):
    world = World(stage)
    world.of(world.main).default = DOWN
    [job] = world.open()
    await world.work([job])
    assert world.names(job) == ["FailedOver", "StageCompleted"]
    assert world.last(job).output["provider"] == "spare"
    assert world.job(job).attempts == 0


async def test_the_next_notifier_starts_under_the_same_key_and_is_recorded_before_it_is_asked():
    world = World("dispatch")
    world.main.notifier.default = DOWN
    world.main.notifier.send = refuse(DOWN)
    [job] = world.open()
    await world.work([job])
    assert world.names(job) == ["StageStarted", "FailedOver", "StageStarted", "StageCompleted"]
    started = [event for event in world.ledger.load(job).events if type(event).__name__ == "StageStarted"]
    assert [event.provider for event in started] == ["main", "spare"]
    assert {event.idempotency_key for event in started} == {f"dispatch.{job}"}
    assert (len(world.main.notifier.sent), len(world.spare.notifier.sent)) == (0, 1)


async def test_a_provider_that_may_have_acted_is_asked_again_and_nobody_else():
    world = World("dispatch")
    [job] = world.open()
    world.main.notifier.answers[f"dispatch.{job}"] = SILENT  # It sends, and its answer is lost.
    await world.work([job])
    assert world.names(job) == ["StageStarted", "StageFailed", "RetryScheduled"]
    assert world.job(job).in_doubt
    del world.main.notifier.answers[f"dispatch.{job}"]
    world.wall.now += 5
    await world.work([job])
    assert world.last(job).output["provider"] == "main"
    assert (len(world.main.notifier.sent), len(world.spare.notifier.sent)) == (1, 0)


async def test_in_doubt_even_a_provider_that_is_down_is_not_replaced():
    world = World("dispatch")
    [job] = world.open()
    world.main.notifier.answers[f"dispatch.{job}"] = SILENT
    await world.work([job])
    world.main.notifier.send = refuse(DOWN)
    world.wall.now += 5
    await world.work([job])
    assert world.job(job).in_doubt, "that it is down now says nothing about then"
    assert world.spare.notifier.sent == {}


async def test_every_provider_down_is_one_failed_attempt():
    world = World("verify")
    world.main.email_verifier.default = world.spare.email_verifier.default = DOWN
    [job] = world.open()
    await world.work([job])
    assert world.names(job) == ["FailedOver", "StageFailed", "RetryScheduled"]
    assert world.ledger.load(job).events[-2].provider == "spare"
    assert world.job(job).passed_over == (), "the next attempt begins with the first again"


@pytest.mark.acceptance("S.03", part="a crash between the call and its record: by the provider's policy")
@pytest.mark.parametrize(
    ("policy", "sent_before", "calls", "ends"),
    [
        (InDoubt.REPEAT, True, 1, "StageCompleted"),
        (InDoubt.ASK, True, 0, "StageCompleted"),
        (InDoubt.ASK, False, 1, "StageCompleted"),
        (InDoubt.PERSON, True, 0, "JobEscalated"),
    ],
)
async def test_after_a_crash_in_a_call_the_providers_policy_decides(policy, sent_before, calls, ends):
    world = World("dispatch", in_doubt=policy)
    [job] = world.open()
    notifier = world.main.notifier
    notifier.answers[f"dispatch.{job}"] = DyingWorker()
    with pytest.raises(DyingWorker):
        await world.work([job])
    assert world.names(job) == ["StageStarted"]
    notifier.answers.clear()
    notifier.asked.clear()
    if not sent_before:
        notifier.sent.clear()
    await world.work([job])
    assert len(notifier.asked) == calls
    assert type(world.last(job)).__name__ == ends
    assert len(notifier.sent) == 1
    assert world.spare.notifier.sent == {}
    if policy is InDoubt.PERSON:
        assert world.last(job).reason == "outcome_unknown"


class DyingWorker(Exception):
    """Stands for a worker that dies in a call."""


async def test_in_doubt_at_a_provider_that_is_declared_no_more_goes_before_a_person():
    world = World("dispatch")
    [job] = world.open()
    world.main.notifier.answers[f"dispatch.{job}"] = SILENT
    await world.work([job])
    del world.board.lines[0]
    world.wall.now += 5
    await world.work([job])
    assert world.job(job).escalated_for == "outcome_unknown"
    assert world.spare.notifier.sent == {}


async def test_without_keys_or_questions_an_answer_that_is_lost_goes_before_a_person_at_once():
    world = World("dispatch", in_doubt=InDoubt.PERSON)
    [job] = world.open()
    world.main.notifier.answers[f"dispatch.{job}"] = SILENT
    await world.work([job])
    assert world.names(job) == ["StageStarted", "StageFailed", "JobEscalated"]
    assert world.job(job).escalated_for == "outcome_unknown"


async def test_a_message_that_was_sent_is_asked_after_where_it_was_sent():
    world = World("dispatch")
    world.main.notifier.send = refuse(DOWN)
    [job] = world.open()
    await world.work([job])
    world.main.notifier.asked.clear()
    await world.run("confirm", [job])
    assert world.job(job).status is JobStatus.DELIVERED
    assert world.main.notifier.asked == []
    assert world.spare.notifier.asked[-1] == f"m-dispatch.{job}"
