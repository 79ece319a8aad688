"""Wires what a worker does: stages, with the clients of the providers on its event loop."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import SystemRandom

from dispatch.application.known_jobs import KnownJobs
from dispatch.application.ports.clock import utc_now
from dispatch.application.tenants import TenantOf
from dispatch.application.work import RunStage
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.providers import open_switchboard
from dispatch.entrypoints.settings import outbound_rates


@asynccontextmanager
async def open_run_stage(app: App, stopping: Callable[[], bool] = lambda: False) -> AsyncIterator[RunStage]:
    """The worker's use case with its provider clients, on the running event loop."""
    rates = outbound_rates(app.settings)
    tenant_of = TenantOf(app.ledger) if rates.tenant_per_s else None
    gates = app.gatekeeper
    async with open_switchboard(app.providers, app.provider_sheet, app.limiter, rates, gates.providers) as board:
        known = KnownJobs(app.settings.work_ack_wait_s / 2)
        chance = SystemRandom().random
        yield RunStage(
            app.ledger,
            app.stages,
            app.persons,
            board,
            utc_now,
            chance,
            known=known,
            gates=gates,
            stopping=stopping,
            tenant_of=tenant_of,
        )
