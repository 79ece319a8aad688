"""One example of everything that can happen beside batches and jobs: to sources, endpoints, pauses, replays, fleet."""

from datetime import timedelta

from dispatch.domain.control import events as control
from dispatch.domain.endpoint import events as endpoint
from dispatch.domain.fleet import events as fleet
from dispatch.domain.operations import events as operations
from dispatch.domain.replay import events as replay
from dispatch.domain.source import events as source
from dispatch.domain.webhook import events as webhook
from dispatch.domain.zone import events as zone
from example_ids import BATCH_ID, FILE_HASH, JOB_ID, NOON

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
