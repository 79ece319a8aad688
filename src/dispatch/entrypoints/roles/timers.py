"""The timers role: closes batches, runs replays, records late receipts, escalates, watches the zone, compares.

Two of them are harmless.
"""

import asyncio
from time import monotonic

import structlog

from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.queries import ViewsUnavailable
from dispatch.application.reconcile.scope import Scope
from dispatch.domain.zone.events import Zone
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.reconciling import new_run_id, open_reconcile
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

TICK_S = 0.5
FILES_EVERY_S = 3600.0
ZONE_FIRST_S, ZONE_EVERY_S = 10.0, 5.0
RECONCILE_FIRST_S = 60.0
"""After a start everything is behind for a moment."""
LIGHT = Scope(light=True)


async def run(context: RoleContext) -> None:
    """Ask once per tick until told to stop."""
    context.on_ready("ticking")
    files_at, zone_at = monotonic(), monotonic() + ZONE_FIRST_S
    every_s = context.app.settings.reconcile_every_minutes * 60
    compare_at = monotonic() + min(RECONCILE_FIRST_S, every_s) if every_s else float("inf")
    while not context.stop.is_set():
        try:
            for batch_id in await asyncio.to_thread(context.app.close_batches):
                log.info("batch.closed", batch_id=batch_id)
            for step in await asyncio.to_thread(context.app.replays.run):
                log.info("replay.progressed", replay_id=step.replay_id, jobs=step.jobs, left=step.left)
            if settled := await asyncio.to_thread(context.app.take_receipts.look_again):
                log.info("receipts.settled", receipts=settled)
            for row in await asyncio.to_thread(context.app.control.end_elapsed):
                log.info("pause.elapsed", pause=row.key, until=row.until)
            while await asyncio.to_thread(context.app.fold_addresses) and not context.stop.is_set():
                pass
            for overdue in await asyncio.to_thread(context.app.escalate_approvals):
                log.warning("approval.overdue", batch_id=overdue.batch_id, level=overdue.level, why=overdue.reason)
            for raised in await asyncio.to_thread(context.app.escalate_jobs):
                log.warning("escalation.overdue", job_id=raised.job_id, level=raised.level, why=raised.reason)
            if monotonic() >= zone_at:
                zone_at = monotonic() + ZONE_EVERY_S
                if change := await asyncio.to_thread(context.app.watchdog.look):
                    say = log.info if change.zone is Zone.GREEN else log.warning
                    say("zone.changed", zone=change.zone.value, before=change.before.value)
            if monotonic() >= files_at:
                files_at = monotonic() + FILES_EVERY_S
                removed = await asyncio.to_thread(context.app.remove_old_files)
                if removed:
                    log.info("files.removed", files=removed)
            if monotonic() >= compare_at:
                compare_at = monotonic() + every_s
                await asyncio.to_thread(_compare, context.app, every_s)
        except (LedgerUnavailable, ViewsUnavailable, OSError) as accident:
            log.warning("timers.interrupted", accident=type(accident).__name__)
        await either(context.stop, context.stop, TICK_S)


def _compare(app: App, every_s: float) -> None:
    """A light reconciliation, by one of several timers; its errors are alarms until the next one."""
    run_id = new_run_id()
    if not app.reconciliations.claim(run_id, str(LIGHT), "timers", every_s * 0.9):
        return
    report = open_reconcile(app).kept(run_id, LIGHT, "timers", begun=True)
    if report.counts:
        log.warning("reconciliation.differences", run_id=run_id, **report.counts)
