"""The relay role: one active relay carries work from the ledger to JetStream, others stand by."""

from dispatch.adapters.nats.relay import Relay
from dispatch.adapters.nats.told import Told
from dispatch.adapters.postgres.leadership import leadership
from dispatch.entrypoints.roles.context import RoleContext


async def run(context: RoleContext) -> None:
    """Lead when nobody else does; follow the ledger as long as we lead."""
    app = context.app
    told = Told()
    wake = await context.wakeups.listen(told.hear)
    context.on_ready("standing by")
    while not context.stop.is_set():
        async with leadership(app.settings.database_url, "relay", context.stop) as over:
            if not context.stop.is_set():
                relay = Relay(app.ledger, app.due, context.nats, list(app.stages), told)
                await relay.follow(wake, over)
