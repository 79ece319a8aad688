"""`dispatch zone`: GREEN, YELLOW or RED, and why."""

import rich_click as click
from rich.text import Text

from dispatch.application.watchdog import ZoneChange
from dispatch.domain.zone.events import Reading, Zone
from dispatch.domain.zone.judging import SHOWN_ONLY, deciding
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json, print_lines, table
from dispatch.entrypoints.cli.words import age

COLOURS = {Zone.GREEN: "green", Zone.YELLOW: "yellow", Zone.RED: "red"}


@click.command()
@click.option("--history", is_flag=True, help="The last changes instead, newest first.")
@shared_options
@click.pass_obj
def zone(cli: Cli, history: bool) -> None:
    """In which zone the system is: GREEN, YELLOW or RED, by what it measures of itself.

    The worst measure decides; the number of batches at once is shown only. Worse is recorded at once, better after
    half a minute. The limits are the setting DISPATCH_ZONE_LIMITS. The exit code is 0 for every zone.

    \b
    Examples:
      dispatch zone
      dispatch zone --json | jq -e '.zone != "red"'
      dispatch zone --history
    """
    with cli.open_app() as app:
        if history:
            _show_history(cli, app.watchdog.book.changes())
            return
        now = app.watchdog.now()
    if cli.as_json:
        print_json(now)
        return
    since = f" for {age(now.since)}" if now.since else ""
    out().print(Text(now.zone.value.upper(), style=f"bold {COLOURS[now.zone]}"), since.strip())
    columns = ("now", "yellow from", "red from")
    shown = table("measure", *columns, "zone", right=columns)
    for reading in now.readings:
        word = reading.zone.value.upper() + (" (shown only)" if reading.measure in SHOWN_ONLY else "")
        limits = f"{reading.yellow:g}", f"{reading.red:g}"
        shown.add_row(reading.measure.value, f"{reading.value:g}", *limits, Text(word, style=COLOURS[reading.zone]))
    out().print(shown)


def _show_history(cli: Cli, changes: list[ZoneChange]) -> None:
    if cli.as_json:
        print_lines(changes)
        return
    if not changes:
        notes().print("The zone has been GREEN since ever.")
        return
    shown = table("at (UTC)", "from", "to", "because of")
    for change in changes:
        why = ", ".join(_why(one) for one in deciding(change.readings, Zone.YELLOW, Zone.RED))
        zones = change.before.value.upper(), Text(change.zone.value.upper(), style=COLOURS[change.zone])
        shown.add_row(f"{change.at:%Y-%m-%d %H:%M:%S}", *zones, why)
    out().print(shown)


def _why(reading: Reading) -> str:
    limit = reading.red if reading.zone is Zone.RED else reading.yellow
    return f"{reading.measure.value} {reading.value:g}, {reading.zone.value.upper()} from {limit:g}"
