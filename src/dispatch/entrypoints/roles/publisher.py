"""The publisher role: one active publisher carries events from the ledger to subscribers, others stand by."""

from datetime import timedelta

from dispatch.adapters.nats.publisher import Publisher, Subscribed
from dispatch.adapters.postgres.leadership import leadership
from dispatch.entrypoints.roles.context import RoleContext


async def run(context: RoleContext) -> None:
    """Lead when nobody else does; follow the ledger as long as we lead."""
    app, settings = context.app, context.app.settings
    subscribed = Subscribed(
        kept=timedelta(days=settings.events_kept_days),
        bytes_max=settings.events_bytes_max,
        source=settings.events_source,
    )
    wake = await context.wakeups.listen()
    context.on_ready("standing by")
    while not context.stop.is_set():
        async with leadership(settings.database_url, "publisher", context.stop) as over:
            if not context.stop.is_set():
                await Publisher(app.ledger, app.published, context.nats, subscribed).follow(wake, over)
