"""The projector role: keeps the read models a few milliseconds behind the ledger."""

import asyncio

import structlog

from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

POLL_S = 0.5
PAUSE_AFTER_ACCIDENT_S = 0.5


async def run(context: RoleContext) -> None:
    """Project until told to stop; the step in hand is finished."""
    projector = context.app.projector
    wake = await context.wakeups.listen()
    context.on_ready("projecting")
    while not context.stop.is_set():
        wake.clear()
        try:
            while await asyncio.to_thread(projector.step) and not context.stop.is_set():
                pass
            await either(wake, context.stop, POLL_S)
        except LedgerUnavailable as accident:
            log.warning("projector.interrupted", accident=str(accident))
            await either(context.stop, context.stop, PAUSE_AFTER_ACCIDENT_S)
