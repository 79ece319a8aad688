"""`dispatch ledger tail | show | search`: what is recorded, with personal data masked to its shape."""

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import msgspec
import rich_click as click
from rich.markup import escape

from dispatch.application.masking import MaskedEntry, masked_entry
from dispatch.application.ports.evidence import Entry, EntryQuery
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.ledger_filters import Filters, filter_options
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import facts, notes, out, print_json, print_lines, table

if TYPE_CHECKING:
    from dispatch.entrypoints.bootstrap import App

POLL_S = 0.5
AT_ONCE = 1_000


@click.command()
@filter_options
@limit_option(20)
@click.option("--follow", is_flag=True, help="Go on with the events to come, until stopped with Ctrl-C.")
@shared_options
@click.pass_obj
def tail(cli: Cli, filters: Filters, limit: int, follow: bool) -> None:
    """The newest events, the last one at the end. Personal data is masked to its shape.

    \b
    Examples:
      dispatch ledger tail
      dispatch ledger tail --follow --json | jq -c '[.position, .name]'
      dispatch ledger tail --follow --batch 3f2b8c1e --name JobEscalated
    """
    with cli.open_app() as app:
        query = filters.query(app, limit=limit, newest_first=True)
        head = app.ledger.head()
        with suppress(KeyboardInterrupt) if follow else nullcontext():
            _print(cli, app.sealing.evidence.entries(_through(query, head)) if head else [])
            if follow:
                _follow(cli, app, query, head)


@click.command()
@click.argument("event", metavar="POSITION|EVENT")
@shared_options
@click.pass_obj
def show(cli: Cli, event: str) -> None:
    """One event, with who caused it and why. EVENT is STREAM:VERSION. Personal data is masked to its shape.

    \b
    Examples:
      dispatch ledger show 4711
      dispatch ledger show 019aaf6c-1c00-83f2-8c1e-7a4d00000007:1 --json
    """
    with cli.open_app() as app:
        position = app.sealing.evidence.find(event)
        entries = app.sealing.evidence.entries(EntryQuery(after=position - 1, limit=1))
    if not entries or entries[0].position != position:
        fix = "see what there is with `dispatch ledger tail`"
        raise Refused("event_unknown", "no event stands at this position", str(position), fix)
    entry = masked_entry(entries[0])
    if cli.as_json:
        print_json(entry)
        return
    known = {
        "position": str(entry.position),
        "event": entry.name,
        "stream": f"{entry.stream}, version {entry.version}",
        "recorded": entry.recorded_at,
        "actor": entry.actor or "",
        "correlation": entry.correlation_id or "",
        "command": entry.causation_id or "",
    }
    console = out()
    console.print(facts(known))
    console.print(msgspec.json.format(msgspec.json.encode(entry.event)).decode(), markup=False, soft_wrap=True)


@click.command()
@filter_options
@limit_option(100)
@shared_options
@click.pass_obj
def search(cli: Cli, filters: Filters, limit: int) -> None:
    """Events by job, batch, stream, name, actor, command, time and position, the first ones first.

    What several options say must all hold. Personal data is masked to its shape.

    \b
    Examples:
      dispatch ledger search --name JobCancelled --actor ann
      dispatch ledger search --job 3f2b8c1e:7
      dispatch ledger search --batch 3f2b8c1e --name StageFailed --from 4000 --to 5000
      dispatch ledger search --since 2026-11-23T09:00 --until 2026-11-23T10:00 --json
    """
    with cli.open_app() as app:
        entries = app.sealing.evidence.entries(filters.query(app, limit=limit))
    _print(cli, entries)
    if not entries and not cli.as_json:
        notes().print("No such events.")
    if len(entries) == limit and not cli.as_json:
        notes().print(f"The first {limit:,}; there may be more: --limit")


def _follow(cli: Cli, app: "App", query: EntryQuery, after: int) -> None:
    """What is recorded becomes visible in the order of its positions: up to the head, nothing is missed."""
    while query.through == 0 or after < query.through:
        sys.stdout.flush()
        head = app.ledger.head()
        if head <= after:
            time.sleep(POLL_S)
            continue
        fresh = msgspec.structs.replace(query, after=max(after, query.after), limit=AT_ONCE, newest_first=False)
        entries = app.sealing.evidence.entries(_through(fresh, head))
        _print(cli, entries, headed=False)
        after = entries[-1].position if len(entries) == AT_ONCE else head


def _through(query: EntryQuery, head: int) -> EntryQuery:
    """Not beyond this position, nor the one that was asked for."""
    return msgspec.structs.replace(query, through=min(query.through or head, head))


def _print(cli: Cli, entries: Sequence[Entry], *, headed: bool = True) -> None:
    masked = [masked_entry(entry) for entry in entries]
    if cli.as_json:
        print_lines(masked)
    elif masked:
        shown = table(
            "position", "recorded (UTC)", "event", "stream", "version", "actor", right=("position", "version")
        )
        shown.show_header = headed
        for entry in masked:
            shown.add_row(*_cells(entry))
        out().print(shown)


def _cells(entry: MaskedEntry) -> tuple[str, ...]:
    recorded = entry.recorded_at.replace("T", " ")[:23]
    actor = escape(entry.actor or "")
    return str(entry.position), recorded, escape(entry.name), entry.stream, str(entry.version), actor
