"""The worker role: runs the stages of jobs."""

import asyncio
from collections.abc import Sequence

import structlog

from dispatch.adapters.nats.worker import Worker
from dispatch.application.accidents import is_accident
from dispatch.application.work import RunStage
from dispatch.entrypoints.roles.context import RoleContext
from dispatch.entrypoints.run_stages import open_run_stage

log = structlog.get_logger(__name__)


async def run(context: RoleContext) -> None:
    """Work until told to stop, then finish the chunks in hand."""
    app, settings = context.app, context.app.settings
    async with open_run_stage(app, context.stop.is_set) as run_stage:

        async def carry_out(queue: str, streams: Sequence[str]) -> None:
            await _run_stage(run_stage, queue, streams)

        async def closed(queue: str) -> str:
            gates = app.gatekeeper
            gate = gates.stage(queue) if gates.is_fresh else await asyncio.to_thread(gates.stage, queue)
            return "paused" if gate else await run_stage.closed(queue)

        worker = Worker(
            context.nats,
            carry_out,
            ack_wait_s=settings.work_ack_wait_s,
            lanes=settings.worker_lanes,
            closed=closed,
        )
        context.on_ready("working")
        await worker.work(list(app.stages), context.stop)


async def _run_stage(run_stage: RunStage, stage: str, job_ids: Sequence[str]) -> None:
    """Run a chunk; when a bug stops it, job by job, so that one bad job holds up nobody else."""
    try:
        await run_stage(stage, job_ids)
    except Exception as error:
        if is_accident(error):
            raise
        log.exception("stage.crashed", stage=stage, jobs=len(job_ids))
        for job_id, crash in (await run_stage.isolate(stage, job_ids)).items():
            log.warning("job.quarantined", stage=stage, job_id=job_id, crash=crash)
