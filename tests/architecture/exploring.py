"""Finds every transition that the rules allow, by asking everything of every state that can be reached."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol, TypeVar

from msgspec.structs import replace

from dispatch.domain.batch import commands as ask_batch
from dispatch.domain.batch.decide import decider as batch_decider
from dispatch.domain.batch.desk import DeskRules, Priority
from dispatch.domain.batch.state import Batch
from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.job import commands as ask_job
from dispatch.domain.job.decide import decider as job_decider
from dispatch.domain.job.keys import idempotency_key
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.job.state import Job
from dispatch.domain.retry import RetryPolicy
from example_commands import judgement, open_job, receive
from examples import BAD_MONEY, BATCH_ID, JOB_ID, NOON

open_short_job = replace(open_job, route=("dispatch", "confirm"))

ATTEMPTS_SEEN = 5
"""Exploring stops here: later attempts find nothing that earlier ones have not."""


class HasStatus(Protocol):
    """Every aggregate says where it stands; None before its first event."""

    @property
    def status(self) -> object: ...


C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S", bound=HasStatus)
Arrow = tuple[str, str, str]
"""From, event, to; `[*]` is before the first event."""


def arrows(decider: Decider[C, E, S], ask: Callable[[S], Iterable[C]]) -> set[Arrow]:
    """Each event that can be recorded, with the status before and after it."""
    found: set[Arrow] = set()
    seen: set[str] = set()
    frontier = [decider.initial()]
    while frontier:
        state = frontier.pop()
        for command in ask(state):
            try:
                events = decider.decide(command, state)
            except DomainError:
                continue
            after = state
            for event in events:
                before, after = after, decider.evolve(after, event)
                found.add((_name(before), type(event).__name__, _name(after)))
            if repr(after) not in seen:
                seen.add(repr(after))
                frontier.append(after)
    return found


def _name(state: HasStatus) -> str:
    return "[*]" if state.status is None else str(state.status)


def ask_a_job(job: Job) -> list[ask_job.Command]:
    """Everything that can be asked of a job where it stands, on a route of two stages."""
    commands: list[ask_job.Command] = [
        open_short_job,
        replace(open_short_job, scheduled_at=NOON + timedelta(days=1)),
        ask_job.ResumeJob(job_id=JOB_ID, at=NOON, by="ann"),
        ask_job.CancelJob(job_id=JOB_ID, at=NOON, by="ann", reason=""),
        ask_job.AssignEscalation(job_id=JOB_ID, at=NOON, to="eve", by="ann"),
        ask_job.SnoozeEscalation(job_id=JOB_ID, at=NOON, until=NOON + timedelta(hours=1), by="ann", reason=""),
        ask_job.RaiseEscalation(job_id=JOB_ID, at=NOON, level=2),
        *(ask_job.SettleDoubt(job_id=JOB_ID, at=NOON, by="ann", happened=said, note="") for said in (True, False)),
        ask_job.ArchiveJob(job_id=JOB_ID, at=NOON, by="ann", reason=""),
        *(
            ask_job.RecordReceipt(
                job_id=JOB_ID, at=NOON, provider="main", status=status, said_at=NOON, message_id="m-1"
            )
            for status in ReceiptStatus
        ),
        *(ask_job.RerouteJob(job_id=JOB_ID, at=NOON, stage=stage, by="ann", reason="") for stage in job.route[:2]),
    ]
    if job.attempt > ATTEMPTS_SEEN:
        return commands
    stage, attempt = job.stage, job.attempt
    key = idempotency_key(JOB_ID, stage)
    commands.append(ask_job.StartStage(job_id=JOB_ID, at=NOON, stage=stage, attempt=attempt, idempotency_key=key))
    commands.append(
        ask_job.PassOver(
            job_id=JOB_ID, at=NOON, stage=stage, attempt=attempt, provider="main", error_code="connection_refused"
        )
    )
    outcomes = [
        ask_job.Done({"message_id": "m-1"} if stage == "dispatch" else {}),
        ask_job.TryAgain("timeout"),
        ask_job.GiveUp("refused"),
        ask_job.GiveUp(ask_job.OUTCOME_UNKNOWN, in_doubt=True),
        ask_job.Block("PE2", "no_lawful_basis"),
        *(ask_job.Defer("rate_limited", wait_s) for wait_s in (1.0, 2.0)),
    ]
    retry = RetryPolicy(attempts_max=3)
    commands += [
        ask_job.RecordOutcome(job_id=JOB_ID, at=NOON, stage=stage, attempt=attempt, outcome=outcome, retry=retry)
        for outcome in outcomes
    ]
    return commands


def ask_a_choosing_job(job: Job) -> list[ask_job.Command]:
    """What leads a job to its next recipient, on a route on which its recipient is chosen."""
    stage, attempt = job.stage, job.attempt
    outcomes: list[ask_job.Outcome] = [ask_job.Defer("rate_limited", 1.0), ask_job.Done({"position": 1, "role": "CEO"})]
    if len(job.refused) < ATTEMPTS_SEEN:
        outcomes.append(ask_job.GiveUp("no_such_mailbox"))
    retry = RetryPolicy(attempts_max=3)
    return [
        replace(open_short_job, route=("choose_contact", "dispatch")),
        *(
            ask_job.RecordOutcome(job_id=JOB_ID, at=NOON, stage=stage, attempt=attempt, outcome=outcome, retry=retry)
            for outcome in outcomes
        ),
    ]


def ask_a_batch(batch: Batch) -> list[ask_batch.Command]:
    """Everything that can be asked of a batch where it stands."""
    return [
        receive,
        judgement(accepted=2),
        judgement(accepted=19, rejected=1),
        judgement(accepted=1, rejected=9),
        replace(judgement(accepted=19, rejected=1), desk=DeskRules(warning_percent=2)),
        ask_batch.RejectBatch(batch_id=BATCH_ID, at=NOON, code="unclosed_quote", reason="line 3"),
        ask_batch.AdmitChunk(batch_id=BATCH_ID, at=NOON, chunk=1, row_through=1, jobs=1, duplicates=0),
        ask_batch.AdmitChunk(batch_id=BATCH_ID, at=NOON, chunk=2, row_through=2, jobs=1, duplicates=0),
        ask_batch.FinishAdmission(batch_id=BATCH_ID, at=NOON, db_duration_ms=1),
        ask_batch.CloseBatch(batch_id=BATCH_ID, at=NOON, delivered=batch.jobs, blocked=0, cancelled=0),
        ask_batch.CloseBatch(batch_id=BATCH_ID, at=NOON, delivered=0, blocked=batch.jobs, cancelled=0),
        ask_batch.ApproveBatch(batch_id=BATCH_ID, at=NOON, by="eve", reason=""),
        ask_batch.RefuseBatch(batch_id=BATCH_ID, at=NOON, by="eve", reason=""),
        ask_batch.EscalateApproval(batch_id=BATCH_ID, at=NOON + timedelta(hours=batch.approval_level)),
        ask_batch.PrioritiseBatch(batch_id=BATCH_ID, at=NOON, by="eve", reason="", priority=Priority.URGENT),
        *_corrections_of(batch),
        ask_batch.UndoBatch(batch_id=BATCH_ID, at=NOON, by="eve", reason=""),
        ask_batch.FinishUndo(batch_id=BATCH_ID, at=NOON, cancelled=batch.jobs, kept=0),
        *_resets_of(batch),
    ]


def _corrections_of(batch: Batch) -> list[ask_batch.Command]:
    """At most two files of corrected rows, of which each mends one row."""
    corrections: list[ask_batch.Command] = []
    if len(batch.corrections) < 2:
        file_hash = f"{len(batch.corrections):064x}"
        corrections.append(
            ask_batch.ReceiveCorrection(
                batch_id=BATCH_ID, at=NOON, file_name="corrected.csv", file_hash=file_hash, file_bytes=1
            )
        )
    number = batch.corrections_judged + 1
    corrections.append(ask_batch.RepairRows(batch_id=BATCH_ID, at=NOON, correction=number, rows=(20,)))
    corrections.append(
        ask_batch.FinishCorrection(
            batch_id=BATCH_ID,
            at=NOON,
            correction=number,
            rows=1,
            accepted=0,
            rejected=1,
            duplicates=0,
            ignored=0,
            errors=(BAD_MONEY,),
            errors_by_code={"invalid_money": 1},
        )
    )
    return corrections


def _resets_of(batch: Batch) -> list[ask_batch.Command]:
    if batch.resets:
        return []
    return [
        ask_batch.ResetBatch(
            batch_id=BATCH_ID, at=NOON, by="eve", reason="", error_threshold_percent=batch.error_threshold_percent
        ),
        ask_batch.ResetBatch(batch_id=BATCH_ID, at=NOON, by="eve", reason="", error_threshold_percent=50),
    ]


def job_arrows() -> set[Arrow]:
    """Every transition of a job."""
    return arrows(job_decider, ask_a_job) | arrows(job_decider, ask_a_choosing_job)


def batch_arrows() -> set[Arrow]:
    """Every transition of a batch."""
    return arrows(batch_decider, ask_a_batch)
