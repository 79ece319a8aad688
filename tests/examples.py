"""One example of everything that can happen, with a value of its own in each field: for golden files and histories."""

from datetime import date, timedelta

from msgspec.structs import replace

from dispatch.domain.batch import events as batch
from dispatch.domain.batch.desk import Priority
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.contact import events as contact
from dispatch.domain.events import Event
from dispatch.domain.job import events as job
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.person import Person
from dispatch.domain.rows import RowCode, RowError
from example_ids import BATCH_ID as BATCH_ID
from example_ids import CORRECTION_HASH as CORRECTION_HASH
from example_ids import FILE_HASH as FILE_HASH
from example_ids import JOB_ID as JOB_ID
from example_ids import NOON as NOON
from running_examples import ENDPOINT_ID as ENDPOINT_ID
from running_examples import FLEET_ID as FLEET_ID
from running_examples import HOOK_URL as HOOK_URL
from running_examples import PAUSE_ID as PAUSE_ID
from running_examples import REPLAY_ID as REPLAY_ID
from running_examples import SOURCE_ID as SOURCE_ID
from running_examples import ZONE_ID as ZONE_ID
from running_examples import endpoint_changed as endpoint_changed
from running_examples import endpoint_disabled as endpoint_disabled
from running_examples import endpoint_enabled as endpoint_enabled
from running_examples import endpoint_registered as endpoint_registered
from running_examples import endpoint_removed as endpoint_removed
from running_examples import endpoint_replay_requested as endpoint_replay_requested
from running_examples import endpoint_secret_rotated as endpoint_secret_rotated
from running_examples import reconciled as reconciled
from running_examples import replay_completed as replay_completed
from running_examples import replay_items_picked as replay_items_picked
from running_examples import replay_progressed as replay_progressed
from running_examples import replay_requested as replay_requested
from running_examples import replay_stopped as replay_stopped
from running_examples import role_scaled as role_scaled
from running_examples import source_added as source_added
from running_examples import source_checked as source_checked
from running_examples import source_paused as source_paused
from running_examples import source_removed as source_removed
from running_examples import source_resumed as source_resumed
from running_examples import webhook_received as webhook_received
from running_examples import work_paused as work_paused
from running_examples import work_resumed as work_resumed
from running_examples import zone_changed as zone_changed

ROUTE = ("verify", "dispatch", "confirm")

ANN = Person(
    name="Ann Example",
    email="ann@example.org",
    phone="+441632960001",
    address="1 High Street",
    postcode="SW1A 1AA",
)
CONSENTED = Permission(basis=Basis.CONSENT, consent_on=date(2026, 1, 31), statement="st-1@2", sale_ref="S-9")
BAD_MONEY = RowError(
    row=3, line=5, column="price", code=RowCode.MONEY, found="12..0", expected="pounds and pence", fix="write 12.00"
)

received = batch.BatchReceived(
    batch_id=BATCH_ID,
    at=NOON,
    file_name="jobs.csv",
    file_hash=FILE_HASH,
    file_bytes=2048,
    profile="service-jobs",
    error_threshold_percent=10,
    profile_version=3,
    run=2,
    by="ann",
    priority=Priority.HIGH,
)
rows_refused = batch.RowsRefused(batch_id=BATCH_ID, at=NOON, errors=(BAD_MONEY,), correction=1)
judged = batch.BatchJudged(
    batch_id=BATCH_ID,
    at=NOON,
    rows=12,
    accepted=10,
    rejected=1,
    duplicates=1,
    errors_by_code={"invalid_money": 1},
    parse_duration_ms=45,
    value_pence=95_000,
    stopped_at_row=12,
    rows_at_most=40,
)
rejected = batch.BatchRejected(
    batch_id=BATCH_ID,
    at=NOON,
    code="error_budget_exceeded",
    reason="Error rate 15.0% exceeded threshold 10%",
    by="eve",
)
chunk_admitted = batch.ChunkAdmitted(batch_id=BATCH_ID, at=NOON, chunk=1, row_through=12, jobs=9, duplicates=1)
admitted = batch.BatchAdmitted(batch_id=BATCH_ID, at=NOON, jobs=9, duplicates=2, db_duration_ms=120)
closed = batch.BatchClosed(
    batch_id=BATCH_ID, at=NOON, outcome="complete_with_exceptions", delivered=7, blocked=1, cancelled=1, archived=1
)
approval_requested = batch.ApprovalRequested(
    batch_id=BATCH_ID,
    at=NOON,
    reason="Error rate 8.3% is above the warning rate 5%",
    due_at=NOON + timedelta(minutes=30),
    other_person=True,
)
approval_escalated = batch.ApprovalEscalated(batch_id=BATCH_ID, at=NOON, level=2, due_at=NOON + timedelta(minutes=30))
approved = batch.BatchApproved(batch_id=BATCH_ID, at=NOON, by="eve", reason="looked at the first ten")
prioritised = batch.BatchPrioritised(
    batch_id=BATCH_ID, at=NOON, priority=Priority.URGENT, by="eve", reason="promised for today"
)
correction_received = batch.CorrectionReceived(
    batch_id=BATCH_ID,
    at=NOON,
    correction=1,
    file_name="corrected.csv",
    file_hash=CORRECTION_HASH,
    file_bytes=256,
    rejudges=False,
    by="ann",
)
rows_repaired = batch.RowsRepaired(batch_id=BATCH_ID, at=NOON, correction=1, rows=(3,), duplicates=())
correction_judged = batch.CorrectionJudged(
    batch_id=BATCH_ID,
    at=NOON,
    correction=1,
    rows=2,
    accepted=1,
    rejected=0,
    duplicates=0,
    ignored=1,
    errors_by_code={},
)
undo_requested = batch.UndoRequested(batch_id=BATCH_ID, at=NOON, by="eve", reason="the wrong file")
undone = batch.BatchUndone(batch_id=BATCH_ID, at=NOON, cancelled=8, kept=1)
reset = batch.BatchReset(batch_id=BATCH_ID, at=NOON, error_threshold_percent=20, by="eve", reason="a known fault")

opened = job.JobOpened(
    job_id=JOB_ID,
    at=NOON,
    batch_id=BATCH_ID,
    row=7,
    reference="JOB-0007",
    service="boiler service",
    price_pence=9500,
    route=ROUTE,
    person=ANN,
    permission=CONSENTED,
    details={"note": "side gate"},
)
started = job.StageStarted(
    job_id=JOB_ID, at=NOON, stage="dispatch", attempt=1, idempotency_key=f"dispatch.{JOB_ID}", provider="main"
)
failed_over = job.FailedOver(
    job_id=JOB_ID, at=NOON, stage="verify", attempt=1, provider="main", error_code="connection_refused"
)
completed = job.StageCompleted(
    job_id=JOB_ID,
    at=NOON,
    stage="verify",
    attempt=1,
    next_stage="dispatch",
    output={"verdict": "valid", "score": 97, "risky": False, "sources": ["finder"], "note": None},
    person=ANN,
)
failed = job.StageFailed(
    job_id=JOB_ID,
    at=NOON,
    stage="verify",
    attempt=1,
    error_code="timeout",
    transient=True,
    provider="main",
    message="upstream <n> timed out",
    in_doubt=True,
)
deferred = job.StageDeferred(
    job_id=JOB_ID, at=NOON, stage="verify", attempt=1, reason="breaker_open:main", due_at=NOON + timedelta(seconds=5)
)
retry_scheduled = job.RetryScheduled(
    job_id=JOB_ID, at=NOON, stage="verify", attempt=2, due_at=NOON + timedelta(seconds=1.125)
)
escalated = job.JobEscalated(
    job_id=JOB_ID,
    at=NOON,
    stage="verify",
    reason="timeout",
    provider="main",
    message="upstream <n> timed out",
    transient=True,
)
resumed = job.JobResumed(job_id=JOB_ID, at=NOON, stage="verify", by="ann")
settled = job.DoubtSettled(job_id=JOB_ID, at=NOON, stage="dispatch", happened=True, by="ann", note="it is in their log")
assigned = job.EscalationAssigned(job_id=JOB_ID, at=NOON, to="eve", by="ann")
snoozed = job.EscalationSnoozed(
    job_id=JOB_ID, at=NOON, until=NOON + timedelta(hours=4), by="eve", reason="the provider answers tomorrow"
)
raised = job.EscalationRaised(job_id=JOB_ID, at=NOON, level=2)
blocked = job.JobBlocked(job_id=JOB_ID, at=NOON, stage="verify", rule="PE2", reason="no_lawful_basis")
delivered = job.JobDelivered(job_id=JOB_ID, at=NOON)
cancelled = job.JobCancelled(job_id=JOB_ID, at=NOON, by="ann", reason="customer moved", was_escalated=True)
archived = job.JobArchived(job_id=JOB_ID, at=NOON, stage="verify", by="ann", reason="provider closed down")
rerouted = job.JobRerouted(
    job_id=JOB_ID, at=NOON, from_stage="verify", stage="clear", attempt=6, by="ann", reason="verifier is down"
)
recipient_refused = job.RecipientRefused(
    job_id=JOB_ID,
    at=NOON,
    stage="dispatch",
    recipient="1 CEO",
    error_code="no_such_mailbox",
    next_stage="clear",
    attempt=2,
    priority=JobPriority.HIGH,
)
receipt_recorded = job.ReceiptRecorded(
    job_id=JOB_ID,
    at=NOON,
    provider="main",
    message_id="m-0007",
    status=ReceiptStatus.FAILED,
    said_at=NOON - timedelta(seconds=2),
    code="30003",
    contradicts=True,
)

erased = contact.SubjectErased(
    contact_id="7a4d3f2b-8c1e-8e5f-9b6a-0c1d2e3f4a5b", at=NOON, by="ann", reason="request 4711", jobs=(JOB_ID,)
)


opened_in_full = replace(opened, channel="email", priority=JobPriority.HIGH, scheduled_at=NOON - timedelta(seconds=30))
completed_in_full = replace(completed, priority=JobPriority.LOW)


ONE_OF_EACH: tuple[Event, ...] = (
    role_scaled,
    zone_changed,
    work_paused,
    work_resumed,
    endpoint_registered,
    endpoint_changed,
    endpoint_secret_rotated,
    endpoint_disabled,
    endpoint_enabled,
    endpoint_removed,
    endpoint_replay_requested,
    reconciled,
    webhook_received,
    source_added,
    source_paused,
    source_resumed,
    source_removed,
    source_checked,
    erased,
    received,
    rows_refused,
    judged,
    rejected,
    chunk_admitted,
    admitted,
    closed,
    approval_requested,
    approval_escalated,
    approved,
    prioritised,
    correction_received,
    rows_repaired,
    correction_judged,
    undo_requested,
    undone,
    reset,
    opened_in_full,
    started,
    failed_over,
    completed_in_full,
    failed,
    deferred,
    retry_scheduled,
    escalated,
    resumed,
    settled,
    assigned,
    snoozed,
    raised,
    blocked,
    delivered,
    cancelled,
    archived,
    rerouted,
    recipient_refused,
    receipt_recorded,
    replay_requested,
    replay_items_picked,
    replay_progressed,
    replay_stopped,
    replay_completed,
)
