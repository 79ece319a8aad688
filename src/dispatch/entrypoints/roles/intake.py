"""The intake role: judges and admits batches, in a process of its own so that a big file holds up no job."""

import asyncio
from collections.abc import Sequence

import structlog

from dispatch.adapters.nats.worker import Worker
from dispatch.application.react import INTAKE
from dispatch.entrypoints.roles.context import RoleContext

log = structlog.get_logger(__name__)


async def run(context: RoleContext) -> None:
    """Take batches in until told to stop; one that is interrupted resumes behind its last recorded chunk."""
    app = context.app

    async def admit(queue: str, streams: Sequence[str]) -> None:
        crashes: list[Exception] = []
        for batch_id in streams:
            try:
                status = await asyncio.to_thread(app.admit, batch_id)
            except Exception as crash:
                log.exception("batch.interrupted", batch_id=batch_id)
                crashes.append(crash)  # One batch that cannot be taken in holds up no other.
            else:
                log.info("batch.admitted", batch_id=batch_id, status=status)
        if crashes:
            raise ExceptionGroup("batches are to be taken in again", crashes)

    worker = Worker(context.nats, admit, ack_wait_s=app.settings.work_ack_wait_s, lanes=1, streams_per_run=1)
    context.on_ready("taking in")
    await worker.work([INTAKE], context.stop)
