"""The outbox role: one follows the ledger for endpoints and queues what each of them is told; others stand by."""

import asyncio

import structlog

from dispatch.adapters.nats.streams import QUEUED_SUBJECT
from dispatch.adapters.nats.wakeups import Wakeups
from dispatch.adapters.postgres.leadership import leadership
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.webhooks import Overtaken
from dispatch.application.webhooks.follow import FollowLedger
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

POLL_S = 0.25
PACE_S, PACE_ALONE_S = 0.025, 0.1
"""So often at most the ledger is read while little is recorded: what comes within it is followed together."""
PAUSE_AFTER_ACCIDENT_S = 1.0


async def run(context: RoleContext) -> None:
    """Lead when nobody else does; follow as long as we lead."""
    desk = context.app.endpoints
    wake = await context.wakeups.listen()
    context.on_ready("standing by")
    while not context.stop.is_set():
        async with leadership(context.app.settings.database_url, "outbox", context.stop) as over:
            if not context.stop.is_set():
                await _follow(FollowLedger(desk.ledger, desk.queue, desk.clock), context.wakeups, wake, over)


async def _follow(follow: FollowLedger, wakeups: Wakeups, wake: asyncio.Event, over: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    while not over.is_set():
        wake.clear()
        changes, began = follow.changes, loop.time()
        try:
            await asyncio.to_thread(follow.step)
            if follow.changes > changes:
                await wakeups.ring(QUEUED_SUBJECT)
            if follow.is_behind:
                continue
            await either(wake, over, POLL_S)  # Everything in the installation wakes us.
            pause_s = began + (PACE_S if follow.is_awaited else PACE_ALONE_S) - loop.time()
            if pause_s > 0:
                await either(over, over, pause_s)
        except (LedgerUnavailable, Overtaken) as accident:
            log.warning("outbox.interrupted", accident=type(accident).__name__)
            await either(over, over, PAUSE_AFTER_ACCIDENT_S)
