"""The webhooks role: one active sender posts what is queued to the endpoints, others stand by."""

import asyncio
from datetime import timedelta

import structlog

from dispatch.adapters.nats.streams import QUEUED_SUBJECT
from dispatch.adapters.postgres.leadership import leadership
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.privacy import KeyMissing
from dispatch.application.webhooks.desk import EndpointDesk
from dispatch.application.webhooks.endpoints import NOBODY
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus
from dispatch.entrypoints.roles.context import RoleContext, either
from dispatch.entrypoints.webhooks import Webhooks, open_webhooks

log = structlog.get_logger(__name__)

TICK_S = 0.25
PAUSE_AFTER_ACCIDENT_S = 1.0
FORGET_EVERY_S = 3_600.0


async def run(context: RoleContext) -> None:
    """Lead when nobody else does; send as long as we lead."""
    app = context.app
    kept = timedelta(days=app.settings.endpoint_log_days)
    queued = await context.wakeups.bell(QUEUED_SUBJECT)
    context.on_ready("standing by")
    while not context.stop.is_set():
        async with leadership(app.settings.database_url, "webhooks", context.stop) as over:
            if not context.stop.is_set():
                async with open_webhooks(app.endpoints) as webhooks:
                    await _send(webhooks, app.endpoints, kept, queued, over)


async def _send(
    webhooks: Webhooks, desk: EndpointDesk, kept: timedelta, queued: asyncio.Event, over: asyncio.Event
) -> None:
    """One task for each endpoint with something due: the bulkhead between them."""
    sending: dict[str, asyncio.Task[None]] = {}
    loop = asyncio.get_running_loop()
    forget_at = 0.0
    try:
        while not over.is_set():
            queued.clear()
            sending = {name: task for name, task in sending.items() if not task.done()}
            try:
                await asyncio.to_thread(webhooks.endpoints.look)
                idle = [
                    name
                    for name, endpoint in webhooks.endpoints.items()
                    if endpoint.status is EndpointStatus.ACTIVE and name not in sending
                ]
                for name in await asyncio.to_thread(desk.queue.pending, idle, desk.clock()) if idle else []:
                    sending[name] = asyncio.create_task(_deliver(webhooks, name, over))
                    sending[name].add_done_callback(lambda _: queued.set())  # Something may be due since its last look.
                if loop.time() >= forget_at:
                    await asyncio.to_thread(desk.queue.forget, desk.clock() - kept)
                    forget_at = loop.time() + FORGET_EVERY_S
            except LedgerUnavailable as accident:
                log.warning("webhooks.interrupted", accident=type(accident).__name__)
            await either(queued, over, TICK_S)
    finally:
        await asyncio.gather(*sending.values(), return_exceptions=True)


async def _deliver(webhooks: Webhooks, endpoint_id: str, over: asyncio.Event) -> None:
    def look() -> Endpoint:
        return NOBODY if over.is_set() else webhooks.endpoints[endpoint_id]

    try:
        made = await webhooks.deliver(endpoint_id, look)
        log.info("webhooks.sent", endpoint=look().name, attempts=made)
    except (LedgerUnavailable, KeyMissing) as accident:
        log.warning("webhooks.interrupted", accident=type(accident).__name__)
        await either(over, over, PAUSE_AFTER_ACCIDENT_S)
    except Exception:
        log.exception("webhooks.crashed", endpoint=look().name)
        await either(over, over, PAUSE_AFTER_ACCIDENT_S)
