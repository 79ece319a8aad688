"""The API role: HTTP commands and queries, and the live page."""

from dispatch.entrypoints.http.server import serve
from dispatch.entrypoints.roles.context import RoleContext


async def run(context: RoleContext) -> None:
    """Serve until told to stop, then drain."""

    async def check_nats() -> str:
        if not context.nats.is_connected:
            raise ConnectionError("not connected")
        await context.nats.flush(timeout=2)
        return "answers"

    await serve(context.app, stop=context.stop, nats_check=check_nats, on_started=context.on_ready)
