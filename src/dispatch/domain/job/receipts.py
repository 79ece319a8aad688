"""The rules of delivery receipts: a message that arrived has arrived, in whatever order a provider says so."""

from dispatch.domain.job.commands import Done, RecordReceipt
from dispatch.domain.job.completing import complete
from dispatch.domain.job.events import Event, JobEscalated, JobResumed, Output, ReceiptRecorded, StageFailed
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.job.refusals import MessageNotSent, MessageOfAnotherProvider
from dispatch.domain.job.state import AT_A_STAGE, Job, JobStatus

SENDING, CONFIRMING = "dispatch", "confirm"
NOT_DELIVERED = "not_delivered"
RECEIPT_MISSING = "receipt_missing"
"""Codes of a message that failed, and of one about which its provider said nothing in time."""


def record_receipt(command: RecordReceipt, job: Job) -> list[Event]:
    """What a provider said of a message of this job, once for each status.

    At `confirm` it completes the stage, or brings the job before a person. `delivered` counts whatever else was said,
    before or after: a job that is before a person since it was not delivered, or nobody knew, is completed. Anywhere
    else it is recorded, and changes nothing: a job that has ended stays as it ended.

    Raises:
        MessageNotSent: the job has no such message, or not yet.
        MessageOfAnotherProvider: another provider has carried it.
    """
    sent = _message(command, job)
    message_id, status = str(sent["message_id"]), command.status
    said = job.receipts.get(message_id, ())
    if status in said or status is ReceiptStatus.PENDING:
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
    awaited = job.outputs.get(SENDING, {}).get("message_id") == message_id and job.stage == CONFIRMING
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
    said = job.receipts.get(str(job.outputs.get(SENDING, {}).get("message_id", "")), ())
    return ReceiptStatus.DELIVERED if ReceiptStatus.DELIVERED in said else next(iter(said), ReceiptStatus.PENDING)


def _message(command: RecordReceipt, job: Job) -> Output:
    """What the stage that sent the message has recorded of it."""
    of_stage = command.idempotency_key.removesuffix(f".{command.job_id}")
    for stage, output in job.outputs.items():
        if "message_id" not in output or (command.idempotency_key and stage != of_stage):
            continue
        if command.message_id and output["message_id"] != command.message_id:
            continue
        if output.get("provider", command.provider) != command.provider:
            raise MessageOfAnotherProvider(command.job_id)
        return output
    raise MessageNotSent(command.job_id)


def _not_delivered(command: RecordReceipt, job: Job) -> list[Event]:
    return [
        StageFailed(
            job_id=command.job_id,
            at=command.at,
            stage=CONFIRMING,
            attempt=job.attempt,
            error_code=NOT_DELIVERED,
            transient=False,
            provider=command.provider,
        ),
        JobEscalated(
            job_id=command.job_id,
            at=command.at,
            stage=CONFIRMING,
            reason=NOT_DELIVERED,
            provider=command.provider,
        ),
    ]
