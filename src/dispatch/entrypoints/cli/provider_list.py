"""`dispatch provider list`: who is called, in which order, and how they stand with all workers."""

import rich_click as click

from dispatch.application.provider_board import ProviderShown
from dispatch.domain.breaker import BreakerState
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_lines, table

STATES = {BreakerState.CLOSED: "asked", BreakerState.OPEN: "left alone", BreakerState.HALF_OPEN: "on trial"}


@click.command("list")
@shared_options
@click.pass_obj
def list_providers(cli: Cli) -> None:
    """Every provider in the order in which it is asked: its breaker, its health, what was spent today, its limits.

    A provider that fails too often is left alone for a while and then tried with one call. Health is the share of
    calls that went well, the last minute counting most.

    \b
    Examples:
      dispatch provider list
      dispatch provider list --json | jq 'select(.state != "closed")'
    """
    with cli.open_app() as app:
        providers = app.show_providers()
    if cli.as_json:
        print_lines(providers)
        return
    numbers = ("health", "ms", "today")
    shown = table("capability", "provider", "breaker", *numbers, "spent", "limits", right=(*numbers, "spent"))
    for one in providers:
        shown.add_row(
            one.capability,
            one.name,
            _breaker(one),
            f"{one.score:.1%}",
            f"{one.took_ms:.0f}",
            f"{one.calls_today:,}",
            _spent(one),
            ", ".join(filter(None, (one.rate, f"{one.in_flight_max} at once", *one.channels))),
        )
    out().print(shown)


def _breaker(one: ProviderShown) -> str:
    again = f" for {one.reopens_in_s:.0f} s" if one.state is BreakerState.OPEN else ""
    return f"{STATES[one.state]}{again}"


def _spent(one: ProviderShown) -> str:
    return f"£{one.spent_today_pounds:,.2f}" + (f" of £{one.cap_pounds:,.2f}" if one.cap_pounds is not None else "")
