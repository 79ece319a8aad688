"""The timers role: closes batches of which every job has ended. Two of it are harmless."""

import asyncio

import structlog

from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.queries import ViewsUnavailable
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

TICK_S = 0.5


async def run(context: RoleContext) -> None:
    """Ask once per tick until told to stop."""
    context.on_ready("ticking")
    while not context.stop.is_set():
        try:
            for batch_id in await asyncio.to_thread(context.app.close_batches):
                log.info("batch.closed", batch_id=batch_id)
        except (LedgerUnavailable, ViewsUnavailable) as accident:
            log.warning("timers.interrupted", accident=type(accident).__name__)
        await either(context.stop, context.stop, TICK_S)
