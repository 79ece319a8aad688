"""The intake role: takes batches in and back, in a process of its own so that a big file holds up no job."""

import asyncio
from collections.abc import Sequence

import structlog

from dispatch.adapters.nats.worker import Worker
from dispatch.application.intake.undo import AttemptsUnderWay
from dispatch.application.react import INTAKE
from dispatch.entrypoints.roles.context import RoleContext

log = structlog.get_logger(__name__)


async def run(context: RoleContext) -> None:
    """Take batches in, repair them and take them back until told to stop; an interrupted one goes on where it was."""
    app = context.app

    async def take_in(queue: str, streams: Sequence[str]) -> None:
        crashes: list[Exception] = []
        for batch_id in streams:
            try:
                status = await asyncio.to_thread(app.take_in, batch_id)
            except AttemptsUnderWay as waiting:
                log.info("batch.undo_waits", batch_id=batch_id, why=str(waiting))
                crashes.append(waiting)
            except Exception as crash:
                log.exception("batch.interrupted", batch_id=batch_id)
                crashes.append(crash)  # One batch that cannot be taken in holds up no other.
            else:
                log.info("batch.taken_in", batch_id=batch_id, status=status)
        if crashes:
            raise ExceptionGroup("batches are to be taken in again", crashes)

    worker = Worker(context.nats, take_in, ack_wait_s=app.settings.work_ack_wait_s, lanes=1, streams_per_run=1)
    context.on_ready("taking in")
    await worker.work([INTAKE], context.stop)
