"""One example of everything that can happen, with a value of its own in each field: for golden files and histories."""

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from dispatch.domain.batch import commands as ask_batch
from dispatch.domain.batch import events as batch
from dispatch.domain.batch.desk import Priority
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.contact import events as contact
from dispatch.domain.control import events as control
from dispatch.domain.endpoint import events as endpoint
from dispatch.domain.events import Event
from dispatch.domain.fleet import events as fleet
from dispatch.domain.job import commands as ask_job
from dispatch.domain.job import events as job
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.operations import events as operations
from dispatch.domain.person import Person
from dispatch.domain.replay import events as replay
from dispatch.domain.rows import RowCode, RowError
from dispatch.domain.source import events as source
from dispatch.domain.webhook import events as webhook
from dispatch.domain.zone import events as zone

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FILE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CORRECTION_HASH = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
BATCH_ID = "3f2b8c1e-7a4d-8e5f-9b6a-0c1d2e3f4a5b"
JOB_ID = "019aaf6c-1c00-83f2-8c1e-7a4d00000007"
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

SOURCE_ID = "6c1f9a53-0d2e-8b47-a1c8-5e7f90b3d264"

source_added = source.SourceAdded(
    source_id=SOURCE_ID,
    at=NOON,
    name="crm",
    kind=source.SourceKind.HTTP,
    location="https://crm.example.com/jobs.csv",
    profile="service-job",
    error_threshold_percent=10,
    every_s=900,
    by="ann",
)
webhook_received = webhook.WebhookReceived(
    webhook_id="3e0b7c41-5a9d-8f26-b3e1-9c4d2a7f6018",
    at=NOON,
    kind="bank",
    source="webhook:bank",
    sent_at=NOON,
    file_hash=FILE_HASH,
    file_bytes=512,
    batch_id=BATCH_ID,
)
source_paused = source.SourcePaused(source_id=SOURCE_ID, at=NOON, reason="they clean up", by="ann")
source_resumed = source.SourceResumed(source_id=SOURCE_ID, at=NOON, by="bob")
source_removed = source.SourceRemoved(source_id=SOURCE_ID, at=NOON, reason="contract ended", by="ann")
source_checked = source.SourceChecked(
    source_id=SOURCE_ID,
    at=NOON,
    file_name="jobs.csv",
    file_hash=FILE_HASH,
    batch_id=BATCH_ID,
    is_new=True,
    refused="columns_missing",
)

opened_in_full = replace(opened, channel="email", priority=JobPriority.HIGH, scheduled_at=NOON - timedelta(seconds=30))
completed_in_full = replace(completed, priority=JobPriority.LOW)
reconciled = operations.ReconciliationRun(
    operation_id="b1d7c0de-5a31-4f0e-9c58-2f6a7e1d9b40",
    at=NOON,
    by="ann",
    scope="all",
    batches=3,
    jobs=2048,
    counts={"job_forgotten": 2, "job_view_differs": 1},
    repairs=(
        operations.Repair(kind=operations.RepairKind.REBUILD_VIEW, target="jobs", because="job_view_differs", count=1),
        operations.Repair(kind=operations.RepairKind.OFFER_AGAIN, target=BATCH_ID, because="job_forgotten", count=2),
    ),
    duration_ms=840,
)
REPLAY_ID = "8d2c4f6a-1b3e-8a5c-9d7f-2e4b6c8a0d1f"
replay_requested = replay.ReplayRequested(
    replay_id=REPLAY_ID,
    at=NOON,
    action=replay.ReplayAction.REROUTE,
    selection=replay.Selection(
        fingerprint="3f2b8c1e7a4d", stage="verify", code="timeout", batch_id=BATCH_ID, since=NOON - timedelta(days=1)
    ),
    counted=1,
    by="ann",
    reason="verifier is down",
    per_second=50.0,
    stage="clear",
)
replay_items_picked = replay.ReplayItemsPicked(
    replay_id=REPLAY_ID, at=NOON, first=0, items=(replay.Picked(JOB_ID, 12),)
)
replay_progressed = replay.ReplayProgressed(
    replay_id=REPLAY_ID, at=NOON, first=0, items=(replay.Reported(JOB_ID, "done"),)
)
replay_stopped = replay.ReplayStopped(
    replay_id=REPLAY_ID, at=NOON, by="bob", reason="wrong group", results={"done": 1}, left=2
)
replay_completed = replay.ReplayCompleted(replay_id=REPLAY_ID, at=NOON, results={"done": 1})

ENDPOINT_ID = "b41e7c90-52d8-8f3a-9c06-7d1f2a8e4b53"
HOOK_URL = "https://crm.example.com/hooks"

endpoint_registered = endpoint.EndpointRegistered(
    endpoint_id=ENDPOINT_ID,
    at=NOON,
    name="crm",
    url=HOOK_URL,
    types=("job.delivered", "batch.*"),
    batches=(BATCH_ID,),
    secret_id="s1",
    by="ann",
)
endpoint_changed = endpoint.EndpointChanged(
    endpoint_id=ENDPOINT_ID, at=NOON, url=HOOK_URL, types=("*",), batches=(), by="bob"
)
endpoint_secret_rotated = endpoint.EndpointSecretRotated(
    endpoint_id=ENDPOINT_ID, at=NOON, secret_id="s2", old_until=NOON + timedelta(hours=24), by="ann"
)
endpoint_disabled = endpoint.EndpointDisabled(endpoint_id=ENDPOINT_ID, at=NOON, reason="gone", by="webhooks")
endpoint_enabled = endpoint.EndpointEnabled(endpoint_id=ENDPOINT_ID, at=NOON, by="ann")
endpoint_removed = endpoint.EndpointRemoved(endpoint_id=ENDPOINT_ID, at=NOON, by="ann")
endpoint_replay_requested = endpoint.EndpointReplayRequested(
    endpoint_id=ENDPOINT_ID, at=NOON, since=NOON - timedelta(hours=2), by="ann"
)

PAUSE_ID = "1d0c5b7e-93a4-8f26-b8d1-40e7c95a6f32"
FLEET_ID = "5b0c6a52-3f1e-8c4d-9a7b-2e6f80d1c3a5"
ZONE_ID = "d1e6b0f4-9c27-8a3b-8f54-7b2a61c0e9d8"

work_paused = control.WorkPaused(
    pause_id=PAUSE_ID,
    at=NOON,
    scope=control.PauseScope.STAGE,
    name="verify",
    by="ann",
    reason="their maintenance",
    until=NOON + timedelta(hours=2),
)
work_resumed = control.WorkResumed(pause_id=PAUSE_ID, at=NOON, scope=control.PauseScope.STAGE, name="verify", by="bob")
role_scaled = fleet.RoleScaled(
    fleet_id=FLEET_ID, at=NOON, role=fleet.Scalable.WORKER, processes=4, by="ann", reason="the quarter's files"
)
zone_changed = zone.ZoneChanged(
    zone_id=ZONE_ID,
    at=NOON,
    zone=zone.Zone.RED,
    before=zone.Zone.GREEN,
    readings=(
        zone.Reading(measure=zone.Measure.LAG_S, value=75.5, zone=zone.Zone.RED, yellow=10, red=60),
        zone.Reading(measure=zone.Measure.BATCHES, value=3, zone=zone.Zone.GREEN, yellow=5, red=8),
    ),
)

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

receive = ask_batch.ReceiveBatch(
    batch_id=BATCH_ID,
    at=NOON,
    file_name="jobs.csv",
    file_hash=FILE_HASH,
    file_bytes=2048,
    profile="service-jobs",
    error_threshold_percent=10,
    run=2,
    by="ann",
    priority=Priority.HIGH,
)
open_job = ask_job.OpenJob(
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


def judgement(*, accepted: int, rejected: int = 0, duplicates: int = 0) -> ask_batch.RecordJudgement:
    """What judging a file of so many rows has found."""
    return ask_batch.RecordJudgement(
        batch_id=BATCH_ID,
        at=NOON,
        rows=accepted + rejected + duplicates,
        accepted=accepted,
        rejected=rejected,
        duplicates=duplicates,
        errors=(BAD_MONEY,) * min(rejected, 3),
        errors_by_code={"invalid_money": rejected} if rejected else {},
        parse_duration_ms=45,
    )
