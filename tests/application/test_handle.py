"""The loop that records: decides anew when someone wrote first, refuses before anything is recorded."""

import pytest

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.handle import CONFLICTS_MAX, handle, handle_many
from dispatch.application.ports.ledger import Append, VersionConflict
from dispatch.domain.job.commands import CancelJob, ResumeJob
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobCancelled, JobResumed
from dispatch.domain.job.refusals import JobNotEscalated, JobUnknown
from examples import JOB_ID, NOON, escalated, failed, opened
from ledgers import cause, new_id, opened_job

RESUME = ResumeJob(job_id=JOB_ID, at=NOON, by="ann")


class Overtaken(MemoryLedger):
    """Someone else is quicker, so many times: just before an append to a stream, he writes to it."""

    def __init__(self, times, *events):
        super().__init__()
        self.times, self.events, self.loads = times, events, 0

    def load(self, stream):
        self.loads += 1
        return super().load(stream)

    def append(self, appends):
        if self.times:
            self.times -= 1
            for append in appends[:1]:
                super().append([Append(append.stream, append.version, self.events, cause(actor="bob"))])
        return super().append(appends)


def given(ledger, *events, stream=JOB_ID):
    MemoryLedger.append(ledger, [Append(stream, 0, events, cause())])
    return ledger


def test_events_are_recorded_under_the_cause():
    ledger = given(MemoryLedger(), opened, failed, escalated)
    asked = cause()
    events = handle(ledger, decider, JOB_ID, RESUME, asked)
    assert [type(event) for event in events] == [JobResumed]
    last = ledger.trace(JOB_ID)[-1]
    assert (last.event, last.causation_id, last.actor) == (events[0], asked.command_id, "ann")


@pytest.mark.acceptance("2.22", part="a command that is repeated records nothing")
def test_the_same_command_again_records_nothing():
    ledger = given(MemoryLedger(), opened, failed, escalated)
    handle(ledger, decider, JOB_ID, RESUME, cause())
    assert handle(ledger, decider, JOB_ID, RESUME, cause()) == []
    assert ledger.load(JOB_ID).version == 4


def test_a_refusal_records_nothing():
    ledger = given(MemoryLedger(), opened, failed)
    with pytest.raises(JobUnknown):
        handle(ledger, decider, new_id(), RESUME, cause())
    assert ledger.head() == 2


def test_overtaken_it_decides_anew_on_what_was_written():
    ledger = given(
        Overtaken(1, JobResumed(job_id=JOB_ID, at=NOON, stage="verify", by="bob")), opened, failed, escalated
    )
    assert handle(ledger, decider, JOB_ID, RESUME, cause()) == [], "bob has resumed it already"
    assert [record.actor for record in ledger.trace(JOB_ID)] == ["ann", "ann", "ann", "bob"]


def test_overtaken_for_ever_it_gives_up_with_the_conflict():
    ledger = given(Overtaken(CONFLICTS_MAX, failed), opened, failed, escalated)
    with pytest.raises(VersionConflict, match=JOB_ID):
        handle(ledger, decider, JOB_ID, CancelJob(job_id=JOB_ID, at=NOON, by="ann", reason=""), cause())


def test_many_commands_take_one_load_and_one_append_and_a_refusal_is_its_streams_answer():
    resumable, running, unknown = new_id(), new_id(), new_id()
    ledger = given(MemoryLedger(), opened_job(resumable), escalated, stream=resumable)
    given(ledger, opened_job(running), failed, stream=running)
    commands = [(job, ResumeJob(job_id=job, at=NOON, by="ann")) for job in (resumable, running, unknown)]
    answers = handle_many(ledger, decider, commands, cause())
    assert list(answers) == [resumable, running, unknown]
    assert [type(event) for event in answers[resumable]] == [JobResumed]
    assert answers[running] == []
    assert isinstance(answers[unknown], JobUnknown)


def test_of_many_only_the_overtaken_are_decided_anew():
    one, two = new_id(), new_id()
    ledger = Overtaken(1, JobCancelled(job_id=one, at=NOON, by="bob", reason="", was_escalated=True))
    for job in (one, two):
        given(ledger, opened_job(job), escalated, stream=job)
    commands = [(job, ResumeJob(job_id=job, at=NOON, by="ann")) for job in (one, two)]
    answers = handle_many(ledger, decider, commands, cause())
    assert isinstance(answers[one], JobNotEscalated)
    assert [type(event) for event in answers[two]] == [JobResumed]
    assert [ledger.load(job).version for job in (one, two)] == [3, 3]


def test_two_commands_for_one_stream_do_not_fit_in_one_call():
    with pytest.raises(ValueError, match="one command per stream"):
        handle_many(MemoryLedger(), decider, [(JOB_ID, RESUME), (JOB_ID, RESUME)], cause())


def test_no_commands():
    assert handle_many(MemoryLedger(), decider, [], cause()) == {}
