"""The projector role: keeps the read models a few milliseconds behind the ledger."""

import asyncio

import structlog

from dispatch.adapters.nats.following import Pace, follow
from dispatch.adapters.postgres.projector import EVENTS_PER_STEP
from dispatch.entrypoints.roles.context import RoleContext

log = structlog.get_logger(__name__)

PACE = Pace(rest=4.0, rest_max_s=0.08, poll_s=0.5)
"""A step for one event costs nearly what one for a hundred does."""


async def run(context: RoleContext) -> None:
    """Project until told to stop; the step in hand is finished."""
    projector = context.app.projector

    async def take_up() -> None:
        """Each step looks where the views are."""

    async def step() -> bool:
        return await asyncio.to_thread(projector.step) == EVENTS_PER_STEP

    def interrupted(accident: str) -> None:
        log.warning("projector.interrupted", accident=accident)

    wake = await context.wakeups.listen()
    context.on_ready("projecting")
    await follow(take_up, step, interrupted, wake=wake, stop=context.stop, pace=PACE)
