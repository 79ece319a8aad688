"""The relay role: one active relay carries work from the ledger to JetStream, others stand by."""

from dispatch.adapters.nats.relay import Relay
from dispatch.adapters.postgres.leadership import leadership
from dispatch.entrypoints.roles.context import RoleContext


async def run(context: RoleContext) -> None:
    """Lead when nobody else does; follow the ledger as long as we lead."""
    app = context.app
    wake = await context.wakeups.listen()
    context.on_ready("standing by")
    while not context.stop.is_set():
        async with leadership(app.settings.database_url, "relay", context.stop) as over:
            if not context.stop.is_set():
                await Relay(app.ledger, app.due, context.nats, list(app.stages)).follow(wake, over)
