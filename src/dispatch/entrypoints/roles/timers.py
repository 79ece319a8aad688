"""The timers role: closes batches, runs replays, escalates approvals, files addresses, removes old files.

Two of them are harmless.
"""

import asyncio
from time import monotonic

import structlog

from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.queries import ViewsUnavailable
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

TICK_S = 0.5
FILES_EVERY_S = 3600.0


async def run(context: RoleContext) -> None:
    """Ask once per tick until told to stop."""
    context.on_ready("ticking")
    files_at = monotonic()
    while not context.stop.is_set():
        try:
            for batch_id in await asyncio.to_thread(context.app.close_batches):
                log.info("batch.closed", batch_id=batch_id)
            for step in await asyncio.to_thread(context.app.replays.run):
                log.info("replay.progressed", replay_id=step.replay_id, jobs=step.jobs, left=step.left)
            while await asyncio.to_thread(context.app.fold_addresses) and not context.stop.is_set():
                pass
            for overdue in await asyncio.to_thread(context.app.escalate_approvals):
                log.warning("approval.overdue", batch_id=overdue.batch_id, level=overdue.level, why=overdue.reason)
            if monotonic() >= files_at:
                files_at = monotonic() + FILES_EVERY_S
                removed = await asyncio.to_thread(context.app.remove_old_files)
                if removed:
                    log.info("files.removed", files=removed)
        except (LedgerUnavailable, ViewsUnavailable, OSError) as accident:
            log.warning("timers.interrupted", accident=type(accident).__name__)
        await either(context.stop, context.stop, TICK_S)
