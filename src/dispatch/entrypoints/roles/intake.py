"""The intake role: takes batches in and back by turns, in processes of its own so that no big file holds up a job."""

import asyncio
import os
import socket
from collections.abc import Sequence
from uuid import uuid4

import structlog

from dispatch.adapters.nats.worker import Worker
from dispatch.application.intake.turns import Outcome, Served
from dispatch.application.ports.intake_sheet import FAILURES_MAX
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.react import INTAKE
from dispatch.entrypoints.roles.context import RoleContext, either

log = structlog.get_logger(__name__)

POLL_S = 0.2
BEAT_S = 1.0
PAUSE_AFTER_ACCIDENT_S = 0.5


async def run(context: RoleContext) -> None:
    """Take batches in until told to stop; one that is interrupted resumes behind its last recorded chunk.

    What is to be done stands on the sheet in Postgres. Messages only say that there is something new on it, which the
    views may see much later.
    """
    wake = asyncio.Event()

    async def hint(queue: str, streams: Sequence[str]) -> None:
        for batch_id in streams:
            await asyncio.to_thread(context.app.take_turn.note, batch_id)
        wake.set()

    name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
    hints = Worker(context.nats, hint, ack_wait_s=context.app.settings.work_ack_wait_s, lanes=1)
    beating = asyncio.create_task(_beat(context, name))
    context.on_ready("taking in")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(hints.work([INTAKE], context.stop))
            group.create_task(_serve(context, name, wake))
    finally:
        beating.cancel()


async def _serve(context: RoleContext, name: str, wake: asyncio.Event) -> None:
    def is_over() -> bool:  # Asked between two chunks: what is paused meanwhile is put back.
        return context.stop.is_set() or context.app.gatekeeper.intake() is not None

    while not context.stop.is_set():
        wake.clear()
        try:
            if await asyncio.to_thread(context.app.gatekeeper.intake):
                await either(context.stop, context.stop, POLL_S)
                continue
            served = await asyncio.to_thread(context.app.take_turn, name, is_over)
        except LedgerUnavailable as accident:
            log.warning("intake.interrupted", accident=type(accident).__name__)
            await either(context.stop, context.stop, PAUSE_AFTER_ACCIDENT_S)
            continue
        if served is None:
            await either(wake, context.stop, POLL_S)
        else:
            _tell(served)


async def _beat(context: RoleContext, name: str) -> None:
    """Keep what we have in hand, also while the work is stopping."""
    while True:
        try:
            await asyncio.to_thread(context.app.intake_sheet.keep, name)
        except LedgerUnavailable as accident:
            log.warning("intake.silent", accident=type(accident).__name__)
        await asyncio.sleep(BEAT_S)


def _tell(served: Served) -> None:
    match served.outcome:
        case Outcome.DONE:
            log.info("batch.taken_in", batch_id=served.batch_id, status=served.status)
        case Outcome.PUT_BACK:
            log.info("batch.put_back", batch_id=served.batch_id, status=served.status)
        case Outcome.FAILED:
            tell = log.error if served.failures >= FAILURES_MAX else log.warning
            tell("batch.failing", batch_id=served.batch_id, failures=served.failures, cause=served.cause)
