"""The sealer role: one active sealer signs what the ledger has come to, and copies checkpoints out of the database."""

import asyncio
import time

import psycopg
import structlog

from dispatch.adapters.postgres.leadership import leadership
from dispatch.adapters.seal.notes import KeyInvalid
from dispatch.adapters.seal.sealer import EVENTS_PER_CHECKPOINT, Sealer, SealRefused
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

SEAL_EVERY_S = 1.0
PAUSE_AFTER_REFUSAL_S = 30.0
COUNT_ALL_EVERY_S = 3_600.0


async def run(context: RoleContext) -> None:
    """Lead when nobody else does; seal as long as we lead. What cannot be sealed is an alarm, never the end."""
    settings = context.app.settings
    context.on_ready("standing by")
    while not context.stop.is_set():
        async with leadership(settings.database_url, "sealer", context.stop) as over:
            if not context.stop.is_set():
                await _seal(context.app.sealing.sealer, settings.checkpoint_every_s, over)


async def _seal(sealer: Sealer, checkpoint_every_s: float, over: asyncio.Event) -> None:
    export_at = count_all_at = 0.0
    while not over.is_set():
        pause_s = SEAL_EVERY_S
        try:
            while await asyncio.to_thread(sealer.step) >= EVENTS_PER_CHECKPOINT and not over.is_set():
                pass  # What came meanwhile is sealed with what comes next: a signature for each append is for nobody.
            now = time.monotonic()
            await asyncio.to_thread(sealer.check_strays, everything=now >= count_all_at)
            count_all_at = now + COUNT_ALL_EVERY_S if now >= count_all_at else count_all_at
            if now >= export_at:
                await asyncio.to_thread(sealer.export)
                export_at = now + checkpoint_every_s
        except psycopg.Error as accident:
            log.warning("sealer.interrupted", accident=str(accident))
        except (SealRefused, KeyInvalid, OSError) as refusal:
            log.error("seal.refused", why=str(refusal))  # noqa: TRY400 - a fact for people, not a bug with a traceback
            pause_s = PAUSE_AFTER_REFUSAL_S
        await either(over, over, pause_s)
    try:
        await asyncio.to_thread(sealer.export)
    except (psycopg.Error, KeyInvalid, OSError) as accident:
        log.warning("sealer.interrupted", accident=str(accident))
