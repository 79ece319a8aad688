"""The sources role: one active watcher looks at every source whose time has come, others stand by."""

import asyncio

import structlog

from dispatch.adapters.postgres.leadership import leadership
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.queries import ViewsUnavailable
from dispatch.application.ports.sources import LookOutcome, SourceRow
from dispatch.application.sources.look import LookAtSource
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

TICK_S = 1.0
LOOKS_AT_ONCE = 4


async def run(context: RoleContext) -> None:
    """Lead when nobody else does; look as long as we lead. A source that answers slowly holds up no other."""
    context.on_ready("standing by")
    while not context.stop.is_set():
        async with leadership(context.app.settings.database_url, "sources", context.stop) as over:
            if not context.stop.is_set():
                await _watch(context.app.look_at_source, over)


async def _watch(look: LookAtSource, over: asyncio.Event) -> None:
    looking: dict[str, asyncio.Task[None]] = {}
    while not over.is_set():
        looking = {source_id: task for source_id, task in looking.items() if not task.done()}
        try:
            for source in await asyncio.to_thread(look.due):
                if source.source_id not in looking and len(looking) < LOOKS_AT_ONCE:
                    looking[source.source_id] = asyncio.create_task(_look(look, source))
        except ViewsUnavailable as accident:
            log.warning("sources.interrupted", accident=type(accident).__name__)
        await either(over, over, TICK_S)
    await asyncio.gather(*looking.values())


async def _look(look: LookAtSource, source: SourceRow) -> None:
    """What a file is called may be personal: the log says what came of a look, the source itself shows the rest."""
    try:
        found = await asyncio.to_thread(look, source)
    except (LedgerUnavailable, OSError) as accident:
        log.warning("source.interrupted", source=source.name, accident=type(accident).__name__)
    except Exception:
        log.exception("source.crashed", source=source.name)
    else:
        if found.outcome is not LookOutcome.NOTHING:
            log.info("source.looked", source=source.name, outcome=found.outcome.value, failures=found.failures)
