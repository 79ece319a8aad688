"""Why a job is where it is: the rule, what it was given, and the events that it rests on; never personal data."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from msgspec.structs import replace

from dispatch.application import why_words as words
from dispatch.application.company import CHOOSE
from dispatch.application.explanation import Evidence, Explanation, FailedAttempt, Input, Reason
from dispatch.application.paused import paused
from dispatch.application.ports.gates import Gate
from dispatch.application.ports.ledger import EventLedger, Recorded
from dispatch.application.stages.clear import stage as clear
from dispatch.domain.batch.events import BatchReceived
from dispatch.domain.consent import Permission, clear_to_contact
from dispatch.domain.events import event_name
from dispatch.domain.job.commands import OUTCOME_UNKNOWN
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import (
    EscalationAssigned,
    EscalationRaised,
    EscalationSnoozed,
    Event,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobOpened,
    JobRerouted,
    Output,
    ReceiptRecorded,
    RecipientRefused,
    RetryScheduled,
    StageCompleted,
    StageDeferred,
    StageFailed,
)
from dispatch.domain.job.refusals import JobUnknown
from dispatch.domain.job.state import Job

DECIDES_NOTHING = (StageFailed, EscalationAssigned, EscalationSnoozed, EscalationRaised, ReceiptRecorded)
"""Events that do not say why a job is where it is: what follows, or stands before them, does."""


def why(ledger: EventLedger, job_id: str, closed: Mapping[str, Gate] | None = None) -> Explanation:
    """Explain a job from the ledger and what is closed now. Raises JobUnknown, LedgerUnavailable."""
    recorded = ledger.trace(job_id)
    if not recorded or not isinstance(recorded[0].event, JobOpened):
        raise JobUnknown(job_id)
    batch_id = recorded[0].event.batch_id
    batch = ledger.load(batch_id).events if batch_id else []
    explained = explain(recorded, batch[0] if batch and isinstance(batch[0], BatchReceived) else None)
    return paused(explained, closed or {})


def explain(recorded: Sequence[Recorded], received: BatchReceived | None = None) -> Explanation:
    """Explain a job from all its events, and from how its file was received, where that is known.

    Raises:
        JobUnknown: these are not the events of a job from its opening on.
    """
    job, opened = decider.fold(cast("list[Event]", [record.event for record in recorded])), recorded[:1]
    if job.status is None:
        raise JobUnknown(*(record.stream for record in opened))
    here = _at_this_stage(recorded)
    decided = next(record for record in reversed(recorded) if not isinstance(record.event, DECIDES_NOTHING))
    reason = _reason(job, recorded, here, decided)
    reason = replace(reason, inputs={**reason.inputs, **_recipients(job)})
    return Explanation(
        **{name: getattr(reason, name) for name in Reason.__struct_fields__},
        job_id=recorded[0].stream,
        batch_id=job.batch_id,
        row=job.row,
        reference=job.reference,
        status=job.status,
        stage=job.stage,
        due_at=job.due_at,
        decided=_evidence(decided),
        attempts=tuple(_failures(here)),
        opened=_evidence(recorded[0]),
        route=job.route,
        profile=received.profile if received else "",
        profile_version=received.profile_version if received else 0,
    )


def _reason(job: Job, recorded: Sequence[Recorded], here: Sequence[Recorded], decided: Recorded) -> Reason:
    match decided.event:
        case JobBlocked() as blocked:
            return _blocked(job, blocked)
        case JobEscalated() as escalated:
            return _escalated(job, here, escalated)
        case RetryScheduled() as retry:
            return _waiting(job, here, retry)
        case StageDeferred() as put_off:
            return _put_off(job, put_off)
        case JobOpened(is_waiting=True, scheduled_at=scheduled_at):
            return Reason(
                why=f"it is scheduled for {scheduled_at.isoformat() if scheduled_at else 'later'}",
                next="nothing: it begins by itself at its time",
                rule="nothing is done before the time that was asked for",
                actions=_cancel(job),
            )
        case JobDelivered():
            return _delivered(job, recorded)
        case JobCancelled() as cancelled:
            before = "waited for a person" if cancelled.was_escalated else "was on its way"
            done = f"{cancelled.by} cancelled it while it {before}"
            return Reason(why=done, next="nothing: it has ended", code=cancelled.reason, inputs={"by": cancelled.by})
        case JobArchived() as archived:
            done = f"{archived.by} put it aside after it had failed for good"
            return Reason(why=done, next="nothing: it has ended", code=archived.reason, inputs={"by": archived.by})
        case _:
            return _running(job, here)


def _blocked(job: Job, event: JobBlocked) -> Reason:
    said = words.blocked(event.reason)
    if event.stage != clear.name:
        return Reason(why=said.why, next=said.next, rule=event.rule, code=event.reason)
    today = clear_to_contact(job.permission, event.at.date())
    return Reason(
        why=said.why,
        next=said.next,
        rule=event.rule,
        code=event.reason,
        inputs=_permission(job.permission, event.at),
        same_today=(today.allowed, today.rule, today.reason) == (False, event.rule, event.reason),
    )


def _escalated(job: Job, here: Sequence[Recorded], event: JobEscalated) -> Reason:
    failures, said = _failures(here), words.failed(event.reason)
    spent = bool(failures) and failures[-1].transient
    return Reason(
        why=said.why,
        next=said.next,
        rule="retry policy: its attempts are spent" if spent else "given up at once: to try again would not help",
        code=event.reason,
        inputs={"failed_attempts": len(failures), "transient": spent},
        actions=("settle",) if event.reason == OUTCOME_UNKNOWN else ("resume", *_cancel(job)),
        rests_on=_last(here, StageFailed),
    )


def _waiting(job: Job, here: Sequence[Recorded], event: RetryScheduled) -> Reason:
    failures = _failures(here)
    code = failures[-1].error_code if failures else ""
    return Reason(
        why=f"{words.failed(code).why}; attempt {event.attempt} is due at {event.due_at.isoformat()}",
        next="nothing: it is tried again by itself",
        rule="retry policy: the wait doubles with every attempt, and a longer wish of the provider counts",
        code=code,
        inputs={
            "failed_attempts": len(failures),
            "next_attempt": event.attempt,
            "wait_s": (event.due_at - event.at).total_seconds(),
        },
        actions=_cancel(job),
        rests_on=_last(here, StageFailed),
    )


def _put_off(job: Job, event: StageDeferred) -> Reason:
    said = words.deferred(event.reason)
    return Reason(
        why=f"{said.why}; attempt {event.attempt} is due at {event.due_at.isoformat()}, and none was spent",
        next=said.next,
        rule="what limits or protects a provider puts work off without spending an attempt",
        code=event.reason,
        inputs={"attempt": event.attempt, "wait_s": (event.due_at - event.at).total_seconds()},
        actions=_cancel(job),
    )


def _delivered(job: Job, recorded: Sequence[Recorded]) -> Reason:
    cleared = [record for record in recorded if _completed(record, clear.name)]
    clearance, at = job.outputs.get(clear.name, {}), cleared[-1].event.at if cleared else None
    rule = str(clearance.get("rule", ""))
    allowed = f"rule {rule} cleared it" if rule else "its route has no consent gate"
    sent = {name: value for stage in ("dispatch", "confirm") for name, value in job.outputs.get(stage, {}).items()}
    today = clear_to_contact(job.permission, at.date()) if at and rule else None
    return Reason(
        why=f"{allowed}, and every stage of its route is done",
        next="nothing: it has ended",
        rule=rule,
        code=str(sent.get("receipt", "")),
        inputs={**(_permission(job.permission, at) if at else {}), **_told(sent, "channel", "message_id", "receipt")},
        same_today=None if today is None else today.allowed and today.rule == rule,
        rests_on=tuple(map(_evidence, (*cleared, *(record for record in recorded if _completed(record, "confirm"))))),
    )


def _running(job: Job, here: Sequence[Recorded]) -> Reason:
    if job.started_attempt == job.attempt:
        with_provider = (
            f"attempt {job.attempt} is with the provider; should it be cut off, it is repeated as the same one"
        )
        return Reason(why=with_provider, next="nothing: the answer is waited for", inputs={"attempt": job.attempt})
    return Reason(
        why=f"nothing stands in its way: attempt {job.attempt} at this stage is next",
        next="nothing; if it does not move for a minute, it is driven on by itself: see that workers are up",
        inputs={"attempt": job.attempt, "failed_attempts": len(_failures(here)), "forgiven": job.forgiven},
        actions=_cancel(job),
    )


def _cancel(job: Job) -> tuple[str, ...]:
    """What was sent, or may have been, cannot be cancelled."""
    return () if job.sent or job.may_have_acted else ("cancel",)


def _permission(permission: Permission, at: datetime) -> dict[str, Input]:
    """What the gate looked at. References of sales are told by their presence."""
    return {
        "basis": permission.basis.value,
        "consent_on": permission.consent_on.isoformat() if permission.consent_on else None,
        "statement": permission.statement or None,
        "has_sale_ref": bool(permission.sale_ref),
        "objected": permission.objected,
        "decided_on": at.date().isoformat(),
    }


def _told(output: Output, *names: str) -> dict[str, Input]:
    return {name: str(output[name]) for name in names if name in output}


def _recipients(job: Job) -> dict[str, Input]:
    """Whom the job is to reach where that was chosen, and those before them whose addresses were refused."""
    chosen = job.outputs.get(CHOOSE, {})
    told: dict[str, Input] = {"recipient": f"{chosen['position']} {chosen['role']}"} if chosen else {}
    if job.refused:
        told["refused_before"] = ", ".join(f"{gone.recipient} ({gone.error_code})" for gone in job.refused)
    return told


def _at_this_stage(recorded: Sequence[Recorded]) -> Sequence[Recorded]:
    """The events since the job came to the stage where it is."""
    for place in range(len(recorded) - 1, -1, -1):
        event = recorded[place].event
        moved = isinstance(event, StageCompleted) and event.next_stage
        if moved or isinstance(event, JobOpened | JobRerouted | RecipientRefused):
            return recorded[place + 1 :]
    return recorded


def _failures(here: Sequence[Recorded]) -> list[FailedAttempt]:
    return [
        FailedAttempt(
            attempt=event.attempt,
            at=event.at,
            error_code=event.error_code,
            transient=event.transient,
            position=record.position,
        )
        for record in here
        if isinstance(event := record.event, StageFailed)
    ]


def _last(here: Sequence[Recorded], kind: type[Event]) -> tuple[Evidence, ...]:
    return tuple(_evidence(record) for record in here if isinstance(record.event, kind))[-1:]


def _completed(record: Recorded, stage: str) -> bool:
    return isinstance(record.event, StageCompleted) and record.event.stage == stage


def _evidence(record: Recorded) -> Evidence:
    return Evidence(
        name=event_name(record.event),
        position=record.position,
        version=record.version,
        at=record.event.at,
        actor=record.actor,
        command_id=record.causation_id,
    )
