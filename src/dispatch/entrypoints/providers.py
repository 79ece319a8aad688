"""The switchboard of a worker: each declared provider behind its adapter, on the running event loop."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from random import SystemRandom

from msgspec.structs import replace
from pyreqwest.client import Client

from dispatch.adapters.providers.contact_finder import HttpContactFinder
from dispatch.adapters.providers.email_verifier import HttpEmailVerifier
from dispatch.adapters.providers.http import build_client
from dispatch.adapters.providers.notifier import HttpNotifier
from dispatch.application.calling.asking import asking
from dispatch.application.calling.line import Capability, Line
from dispatch.application.calling.standings import Standings
from dispatch.application.calling.switchboard import Switchboard
from dispatch.application.limits import OutboundRates
from dispatch.application.ports.limits import Limiter
from dispatch.application.ports.provider_sheet import ProviderSheet
from dispatch.application.ports.providers import Providers
from dispatch.entrypoints.provider_file import Declared

PROBE_GRACE_S = 5.0


@asynccontextmanager
async def open_switchboard(
    declared: list[Declared],
    sheet: ProviderSheet,
    limiter: Limiter,
    rates: OutboundRates,
    paused: Callable[[], Mapping[str, str]] = dict,
) -> AsyncIterator[Switchboard]:
    """Every provider with a client of its own, so that a slow one holds up nobody else."""
    async with AsyncExitStack() as opened:
        clients = [
            await opened.enter_async_context(build_client(one.spec.in_flight_max, one.timeout_s)) for one in declared
        ]
        everyone = list(zip(declared, clients, strict=True))
        first = {one.spec.capability: (one, client) for one, client in reversed(everyone)}
        usual = Providers(
            contact_finder=_finder(*first[Capability.CONTACT_FINDER]),
            email_verifier=_verifier(*first[Capability.EMAIL_VERIFIER]),
            notifier=_notifier(*first[Capability.NOTIFIER]),
        )
        lines = [Line(one.spec, with_it, asking(with_it)) for one, with_it in _each(everyone, usual)]
        slowest_s = max(one.timeout_s for one in declared)
        standings = Standings(sheet, probe_within_s=slowest_s + PROBE_GRACE_S, paused=paused)
        yield Switchboard(lines, sheet, standings, limiter, rates, SystemRandom().random)


def _each(everyone: Iterable[tuple[Declared, Client]], usual: Providers) -> Iterator[tuple[Declared, Providers]]:
    """What a stage is handed to call each of them."""
    for one, client in everyone:
        match one.spec.capability:
            case Capability.CONTACT_FINDER:
                yield one, replace(usual, contact_finder=_finder(one, client))
            case Capability.EMAIL_VERIFIER:
                yield one, replace(usual, email_verifier=_verifier(one, client))
            case Capability.NOTIFIER:
                yield one, replace(usual, notifier=_notifier(one, client))


def _finder(one: Declared, client: Client) -> HttpContactFinder:
    return HttpContactFinder(client, one.url, one.api_key)


def _verifier(one: Declared, client: Client) -> HttpEmailVerifier:
    return HttpEmailVerifier(client, one.url, one.api_key)


def _notifier(one: Declared, client: Client) -> HttpNotifier:
    return HttpNotifier(client, one.url, one.api_key)
