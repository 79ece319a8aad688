"""The rules of delivery receipts: a message that arrived has arrived, in whatever order a provider says so."""

from collections.abc import Iterator

from msgspec.structs import replace

from dispatch.domain.job.commands import Done, RecordReceipt
from dispatch.domain.job.completing import complete
from dispatch.domain.job.events import (
    DoubtSettled,
    Event,
    JobEscalated,
    JobResumed,
    Output,
    ReceiptRecorded,
    StageFailed,
)
from dispatch.domain.job.keys import idempotency_key
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.job.recipients import SENDING, has_recipients, is_address_refused, next_recipient
from dispatch.domain.job.refusals import MessageNotSent, MessageOfAnotherProvider
from dispatch.domain.job.state import AT_A_STAGE, Job, JobStatus, evolve

CONFIRMING = "confirm"
NOT_DELIVERED = "not_delivered"
RECEIPT_MISSING = "receipt_missing"
"""Codes of a message that failed, and of one about which its provider said nothing in time."""


def record_receipt(command: RecordReceipt, job: Job) -> list[Event]:
    """What a provider said of a message of this job, once for each status.

    A message of which we do not know whether it was sent, was: the send is completed first. At `confirm` a receipt
    completes the stage, or brings the job before a person. `delivered` counts whatever else was said, before or after:
    a job that is before a person since it was not delivered, or nobody knew, is completed. Anywhere else it is
    recorded, and changes nothing: a job that has ended stays as it ended.

    Raises:
        MessageNotSent: the job has no such message, or not yet.
        MessageOfAnotherProvider: another provider has carried it.
    """
    if command.status is ReceiptStatus.PENDING:
        _message(command, job)
        return []
    settled = _settle(command, job)
    for event in settled:
        job = evolve(job, event)
    return [*settled, *_record(command, job)]


def _settle(command: RecordReceipt, job: Job) -> list[Event]:
    """That the send is done, since its provider speaks of the message that it was to send under the job's key.

    No second send follows, whatever became of the message and whatever a person had said of it before.
    """
    if job.ended or not _is_asked_for(command, job):
        return []
    is_in_flight = job.status is JobStatus.RUNNING and job.started_attempt == job.attempt
    if not command.message_id and is_in_flight:
        raise MessageNotSent(command.job_id)  # Whoever is calling, or calls again, learns the provider's id as well.
    by = f"receipt:{command.provider}"
    output: Output = {"provider": command.provider, "settled_by": by}
    if command.message_id:
        output["message_id"] = command.message_id
    sent = complete(command, job, SENDING, job.attempt, Done(output))
    if job.status is not JobStatus.ESCALATED:
        return sent
    note = f"the provider sent a receipt: {command.status.value}"
    return [
        DoubtSettled(job_id=command.job_id, at=command.at, stage=SENDING, happened=True, by=by, note=note),
        *sent,
    ]


def _is_asked_for(command: RecordReceipt, job: Job) -> bool:
    """Was its provider asked to send it, and it is not known that it did? Raises MessageOfAnotherProvider."""
    is_of_key = command.idempotency_key == idempotency_key(command.job_id, SENDING, job.message_number)
    if job.stage != SENDING or not is_of_key or not (job.provider or job.may_have_acted):
        return False
    if job.provider not in ("", command.provider):
        raise MessageOfAnotherProvider(command.job_id)
    return True


def _record(command: RecordReceipt, job: Job) -> list[Event]:
    sent, status = _message(command, job), command.status
    message_id = str(sent.get("message_id", command.message_id))
    said = job.receipts.get(message_id, ())
    if status in said:
        return []  # Providers repeat themselves.
    recorded = ReceiptRecorded(
        job_id=command.job_id,
        at=command.at,
        provider=command.provider,
        message_id=message_id,
        status=status,
        said_at=command.said_at,
        code=command.code,
        contradicts=bool(said),
    )
    awaited = job.stage == CONFIRMING and sent is job.outputs.get(SENDING)
    if awaited and status is ReceiptStatus.DELIVERED:
        done = Done({"receipt": status.value, "provider": command.provider})
        if job.status in AT_A_STAGE:
            return [recorded, *complete(command, job, CONFIRMING, job.attempt, done)]
        if job.status is JobStatus.ESCALATED:
            by = f"receipt:{command.provider}"
            resumed = JobResumed(job_id=command.job_id, at=command.at, stage=CONFIRMING, by=by)
            return [recorded, resumed, *complete(command, job, CONFIRMING, job.attempt, done)]
    if awaited and status is ReceiptStatus.FAILED and job.status in AT_A_STAGE and not said:
        return [recorded, *_not_delivered(command, job)]
    return [recorded]


def receipt_of(job: Job) -> ReceiptStatus:
    """What was said of the message that the job sent: `delivered` before `failed`, `pending` where nothing was."""
    sent = job.outputs.get(SENDING, {})
    if "message_id" in sent:
        said = job.receipts.get(str(sent["message_id"]), ())
    else:  # It was not told under which id, so it was named by the job's key.
        said = tuple(status for statuses in job.receipts.values() for status in statuses)
    return ReceiptStatus.DELIVERED if ReceiptStatus.DELIVERED in said else next(iter(said), ReceiptStatus.PENDING)


def _message(command: RecordReceipt, job: Job) -> Output:
    """What the stage that sent the message has recorded of it; nothing for a job that ended before that was known."""
    for of_key, output in _sends(command.job_id, job):
        is_of_key = command.idempotency_key == of_key
        if "message_id" not in output and not (is_of_key and "settled_by" in output):
            continue
        if command.idempotency_key and not is_of_key:
            continue
        if command.message_id and output.get("message_id", command.message_id) != command.message_id:
            continue
        if output.get("provider", command.provider) != command.provider:
            raise MessageOfAnotherProvider(command.job_id)
        return output
    if job.ended and _is_asked_for(command, job):
        return {}
    raise MessageNotSent(command.job_id)


def _sends(job_id: str, job: Job) -> Iterator[tuple[str, Output]]:
    """What stages have recorded of messages, with the key of each; those to earlier recipients too."""
    for stage, output in job.outputs.items():
        yield idempotency_key(job_id, stage, job.message_number), output
    for number, gone in enumerate(job.refused, 1):
        yield idempotency_key(job_id, SENDING, number), gone.sent


def _not_delivered(command: RecordReceipt, job: Job) -> list[Event]:
    failed = StageFailed(
        job_id=command.job_id,
        at=command.at,
        stage=CONFIRMING,
        attempt=job.attempt,
        error_code=NOT_DELIVERED,
        transient=False,
        provider=command.provider,
    )
    if is_address_refused(command.code) and has_recipients(job):
        return next_recipient(command, job, replace(failed, error_code=command.code))
    return [
        failed,
        JobEscalated(
            job_id=command.job_id,
            at=command.at,
            stage=CONFIRMING,
            reason=NOT_DELIVERED,
            provider=command.provider,
        ),
    ]
