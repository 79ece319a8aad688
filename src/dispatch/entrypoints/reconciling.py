"""Wires the reconciliation on the application's adapters; part of the composition root, beside `bootstrap.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

from dispatch.adapters.nats.inspection import NatsSilent, inspect_work
from dispatch.adapters.postgres.comparison import PostgresComparison
from dispatch.adapters.providers.http import build_client
from dispatch.adapters.providers.notifier import HttpNotifier
from dispatch.adapters.providers.receipts import PacedReceipts
from dispatch.application.calling.line import Capability
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.providers import Notifier
from dispatch.application.ports.reconciling import ReceiptSource, StreamFacts, StreamSilent
from dispatch.application.reconcile.look import Look
from dispatch.application.reconcile.reconcile import Reconcile
from dispatch.application.reconcile.repair import Tools
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.provider_file import Declared, declared_providers
from dispatch.entrypoints.settings import Settings


def open_reconcile(app: App) -> Reconcile:
    """The use case; it holds no connection of its own between two calls."""
    settings, stages = app.settings, list(app.stages)

    def look_at_stream() -> StreamFacts:
        if not settings.nats_url:
            raise StreamSilent("no NATS server is named")
        try:
            return asyncio.run(inspect_work(settings.nats_url, stages))
        except NatsSilent as silent:
            raise StreamSilent(str(silent)) from silent

    def take_over(batch_id: str) -> None:
        app.take_turn.note(batch_id)
        app.intake_sheet.release(batch_id)

    comparison = PostgresComparison(settings.database_url)
    return Reconcile(
        ledger=app.ledger,
        comparison=comparison,
        look=Look(comparison, look_at_stream, stages),
        tools=Tools(
            offers=app.due,
            rebuild_view=app.rebuild_view,
            take_over=take_over,
            close_batches=app.close_batches,
        ),
        runs=app.reconciliations,
        clock=utc_now,
    )


def open_receipts(settings: Settings, per_s: float) -> ReceiptSource:
    """Asks every notifier for its own messages, each at most so often a second."""
    notifiers = [one for one in declared_providers(settings) if one.spec.capability is Capability.NOTIFIER]
    return PacedReceipts({one.spec.name: partial(_open_notifier, one) for one in notifiers}, per_s)


@asynccontextmanager
async def _open_notifier(declared: Declared) -> AsyncIterator[Notifier]:
    async with build_client(1, declared.timeout_s) as client:
        yield HttpNotifier(client, declared.url, declared.api_key)


def new_run_id() -> str:
    """The id of a run that begins now."""
    return str(uuid4())
