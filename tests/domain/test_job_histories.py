"""Whatever is asked of a job in whatever order, its history stays legal (promises R3, R5, R6)."""

from collections import Counter
from datetime import timedelta

import msgspec
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.domain.decider import versions
from dispatch.domain.errors import DomainError
from dispatch.domain.job import events as happened
from dispatch.domain.job.commands import (
    OUTCOME_UNKNOWN,
    ArchiveJob,
    AssignEscalation,
    Block,
    CancelJob,
    Command,
    Defer,
    Done,
    GiveUp,
    Outcome,
    PassOver,
    Progressed,
    RaiseEscalation,
    RecordOutcome,
    RecordReceipt,
    ResumeJob,
    SettleDoubt,
    SnoozeEscalation,
    StartStage,
    TryAgain,
)
from dispatch.domain.job.decide import decider
from dispatch.domain.job.keys import idempotency_key
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.job.state import Job, JobStatus
from dispatch.domain.retry import RetryPolicy
from example_commands import open_job
from examples import JOB_ID, NOON, ROUTE

POLICY = RetryPolicy(attempts_max=3)
OUTCOMES: list[Outcome] = [
    Done({"message_id": "m-1", "provider": "main"}),
    TryAgain("timeout"),
    GiveUp("refused"),
    Block("PE2", "no_lawful_basis"),
    Defer("rate_limited", 2.0),
    TryAgain("timeout", in_doubt=True),
    GiveUp(OUTCOME_UNKNOWN, in_doubt=True),
    Progressed({"found": 1}),
]


class Step(msgspec.Struct, frozen=True):
    """What is asked next, told relative to where the job then stands: now and then for another stage or attempt."""

    ask: str
    outcome: Outcome
    lag: int  # 0: the current attempt, -1: the one before, 1: one that was not made yet.
    stage: str  # Empty: the current stage.
    twice: bool

    def command(self, job: Job, seconds: int) -> Command:
        """The command that this step makes of the job as it is."""
        stage, attempt, at = (
            self.stage or job.stage or ROUTE[0],
            job.attempt + self.lag,
            NOON + timedelta(seconds=seconds),
        )
        match self.ask:
            case "open":
                return open_job
            case "start":
                key = idempotency_key(JOB_ID, stage)
                return StartStage(job_id=JOB_ID, at=at, stage=stage, attempt=attempt, idempotency_key=key)
            case "pass over":
                return PassOver(
                    job_id=JOB_ID, at=at, stage=stage, attempt=attempt, provider="main", error_code="connection_refused"
                )
            case "settle":
                return SettleDoubt(job_id=JOB_ID, at=at, by="ann", happened=self.lag == 0, note="asked them")
            case "assign":
                return AssignEscalation(job_id=JOB_ID, at=at, to="eve", by="ann")
            case "snooze":
                return SnoozeEscalation(job_id=JOB_ID, at=at, until=at + timedelta(hours=1), by="ann", reason="")
            case "raise":
                return RaiseEscalation(job_id=JOB_ID, at=at, level=2)
            case "resume":
                return ResumeJob(job_id=JOB_ID, at=at, by="ann")
            case "delivered" | "failed" | "pending":
                status = ReceiptStatus(self.ask)
                named = {"message_id": "m-1"} if self.lag >= 0 else {}
                if self.lag:  # One or the other, or as a rule the id alone.
                    named["idempotency_key"] = idempotency_key(JOB_ID, "dispatch")
                return RecordReceipt(job_id=JOB_ID, at=at, provider="main", status=status, said_at=at, **named)
            case "archive":
                return ArchiveJob(job_id=JOB_ID, at=at, by="ann", reason="")
            case "cancel":
                return CancelJob(job_id=JOB_ID, at=at, by="ann", reason="")
            case _:
                return RecordOutcome(
                    job_id=JOB_ID, at=at, stage=stage, attempt=attempt, outcome=self.outcome, retry=POLICY, chance=0.5
                )


steps = st.builds(
    Step,
    ask=st.sampled_from(
        [
            "open",
            "start",
            "pass over",
            "cancel",
            *["answer"] * 12,
            *["resume"] * 5,
            *["settle"] * 3,
            "assign",
            "snooze",
            "raise",
            "archive",
            "pending",
            *["delivered"] * 2,
            *["failed"] * 2,
        ]
    ),
    outcome=st.sampled_from([*OUTCOMES, *[OUTCOMES[0]] * 5, *[OUTCOMES[1]] * 12, *[OUTCOMES[2]] * 3]),
    lag=st.sampled_from([*[0] * 10, -1, 1]),
    stage=st.sampled_from([*[""] * 12, *ROUTE, "unheard-of"]),
    twice=st.booleans(),
)


histories = st.lists(steps, min_size=8, max_size=50)


def run(history: list[Step]) -> list[happened.Event]:
    """Ask everything in turn, checking at each step what must hold at each step; answers all recorded events."""
    recorded: list[happened.Event] = []
    job = decider.initial()
    for seconds, step in enumerate([Step("open", OUTCOMES[0], 0, "", twice=True), *history]):
        command = step.command(job, seconds)
        try:
            events = decider.decide(command, job)
        except DomainError as refusal:
            note(f"refused: {refusal.code}")
            continue
        after_end = [e for e in events if not isinstance(e, happened.ReceiptRecorded)] if job.ended else []
        assert not after_end, "an event after the end"
        assert list(versions(events, after=len(recorded))) == [len(recorded) + n for n in range(1, len(events) + 1)]
        job = decider.fold(events, job)
        recorded += events
        if step.twice:
            assert decider.decide(command, job) == [], "the same command twice had two effects"
    assert job == decider.fold(recorded), "replaying the history makes another job"
    note(f"ends as: {job.status}")
    return recorded


@settings(max_examples=200)
@given(histories)
def test_a_history_opens_once_ends_once_and_stays_ended(history: list[Step]):
    recorded = run(history)
    last = happened.JobBlocked | happened.JobDelivered | happened.JobCancelled | happened.JobArchived
    moves = [e for e in recorded if not isinstance(e, happened.ReceiptRecorded)]
    ends = [isinstance(e, last) for e in moves]
    assert [isinstance(e, happened.JobOpened) for e in recorded] == [True] + [False] * (len(recorded) - 1)
    assert not any(ends[:-1])
    assert ends[-1] is decider.fold(recorded).ended


@settings(max_examples=200)
@given(histories)
def test_attempts_are_settled_once_and_their_numbers_rise_within_a_stage(history: list[Step]):
    settled = [
        (e.stage, e.attempt) for e in run(history) if isinstance(e, happened.StageFailed | happened.StageCompleted)
    ]
    assert settled == sorted(set(settled), key=lambda at: (ROUTE.index(at[0]), at[1]))
    for stage in ROUTE:
        numbers = [attempt for name, attempt in settled if name == stage]
        assert numbers == list(range(1, len(numbers) + 1))


@settings(max_examples=200)
@given(histories)
def test_an_attempt_starts_once_and_is_never_started_after_it_was_settled(history: list[Step]):
    started: set[tuple[str, int]] = set()
    settled: set[tuple[str, int]] = set()
    for e in run(history):
        if isinstance(e, happened.StageStarted):
            assert (e.stage, e.attempt) not in started | settled
            started.add((e.stage, e.attempt))
        elif isinstance(e, happened.FailedOver | happened.StageDeferred):
            started.discard((e.stage, e.attempt))  # The same attempt, with another provider or later.
        elif isinstance(e, happened.StageFailed | happened.StageCompleted):
            settled.add((e.stage, e.attempt))


@settings(max_examples=200)
@given(histories)
def test_who_is_before_a_person_can_be_counted_from_the_events(history: list[Step]):
    before_a_person = 0
    job = decider.initial()
    for e in run(history):
        job = decider.evolve(job, e)
        before_a_person += isinstance(e, happened.JobEscalated)
        before_a_person -= isinstance(e, happened.JobResumed | happened.DoubtSettled | happened.JobArchived)
        before_a_person -= isinstance(e, happened.JobCancelled) and e.was_escalated
        assert before_a_person == (job.status is JobStatus.ESCALATED)


@settings(max_examples=200)
@given(histories)
def test_a_person_is_asked_after_the_attempts_of_the_policy_and_no_sooner_for_accidents(history: list[Step]):
    accidents: Counter[str] = Counter()
    for e in run(history):
        match e:
            case happened.StageFailed(transient=True):
                accidents[e.stage] += 1
                assert accidents[e.stage] <= POLICY.attempts_max
            case happened.StageFailed():
                accidents[e.stage] = POLICY.attempts_max
            case happened.StageCompleted():
                accidents[e.stage] = 0  # The next part of the stage has attempts of its own.
            case happened.RetryScheduled():
                assert accidents[e.stage] < POLICY.attempts_max
                assert e.due_at > e.at
            case happened.JobEscalated():
                assert accidents[e.stage] == POLICY.attempts_max
            case happened.JobResumed() | happened.DoubtSettled():
                accidents[e.stage] = 0


@settings(max_examples=200)
@given(histories)
def test_the_route_is_followed_in_order_and_delivery_means_all_of_it(history: list[Step]):
    recorded = run(history)
    whole = (e for e in recorded if isinstance(e, happened.StageCompleted) and e.next_stage != e.stage)
    done = [e.stage for e in whole]  # Parts of a stage keep the job there.
    assert done == list(ROUTE[: len(done)])
    assert any(isinstance(e, happened.JobDelivered) for e in recorded) is (done == list(ROUTE))
    if any(isinstance(e, happened.JobCancelled) for e in recorded):
        assert "dispatch" not in done
