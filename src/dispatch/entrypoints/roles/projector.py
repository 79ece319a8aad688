"""The projector role: keeps the read models a few milliseconds behind the ledger."""

import asyncio
from time import monotonic

import structlog

from dispatch.adapters.postgres.projector import EVENTS_PER_STEP
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

POLL_S = 0.5
REST, REST_MAX_S = 4.0, 0.08
"""So many times as long as a step took it rests: a step for one event costs nearly what one for a hundred does."""
PAUSE_AFTER_ACCIDENT_S = 0.5


async def run(context: RoleContext) -> None:
    """Project until told to stop; the step in hand is finished."""
    projector = context.app.projector
    wake = await context.wakeups.listen()
    context.on_ready("projecting")
    while not context.stop.is_set():
        wake.clear()
        began = monotonic()
        try:
            if await asyncio.to_thread(projector.step) < EVENTS_PER_STEP:
                await either(context.stop, context.stop, min(REST_MAX_S, REST * (monotonic() - began)))
                await either(wake, context.stop, POLL_S)
        except LedgerUnavailable as accident:
            log.warning("projector.interrupted", accident=str(accident))
            await either(context.stop, context.stop, PAUSE_AFTER_ACCIDENT_S)
