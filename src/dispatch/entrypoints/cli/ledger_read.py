"""`dispatch ledger tail | show | search`: what is recorded, with personal data masked to its shape."""

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
import rich_click as click
from rich.markup import escape

from dispatch.application.masking import MaskedEntry, masked_entry
from dispatch.application.ports.evidence import Entry, EntryQuery, LedgerEvidence
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import as_time, limit_option, shared_options
from dispatch.entrypoints.cli.output import facts, notes, out, print_json, print_lines, table

POLL_S = 0.5
AT_ONCE = 1_000


@click.command()
@limit_option(20)
@click.option("--follow", is_flag=True, help="Go on with the events to come, until stopped with Ctrl-C.")
@shared_options
@click.pass_obj
def tail(cli: Cli, limit: int, follow: bool) -> None:
    """The newest events, the last one at the end. Personal data is masked to its shape.

    \b
    Examples:
      dispatch ledger tail
      dispatch ledger tail --follow --json | jq -c '[.position, .name]'
    """
    with cli.open_app() as app:
        entries = app.evidence.entries(EntryQuery(limit=limit, newest_first=True))
        _print(cli, entries)
        if follow:
            with suppress(KeyboardInterrupt):
                _follow(cli, app.evidence, entries[-1].position if entries else 0)


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
        position = app.evidence.find(event)
        entries = app.evidence.entries(EntryQuery(after=position - 1, limit=1))
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
@click.option("--stream", metavar="ID", type=click.UUID, help="Only of this stream: the id of a job or a batch.")
@click.option("--name", metavar="EVENT", default="", help="Only of this name, like JobDelivered.")
@click.option("--actor", metavar="NAME", default="", help="Only what this one caused.")
@click.option(
    "--since", metavar="TIME", callback=as_time, help="Recorded at this time (ISO 8601, UTC unless it says) or later."
)
@click.option("--until", metavar="TIME", callback=as_time, help="Recorded before this time.")
@limit_option(100)
@shared_options
@click.pass_obj
def search(
    cli: Cli, stream: object, name: str, actor: str, since: datetime | None, until: datetime | None, limit: int
) -> None:
    """Events by stream, name, actor and time, the first ones first. Personal data is masked to its shape.

    \b
    Examples:
      dispatch ledger search --name JobCancelled --actor ann
      dispatch ledger search --stream 019aaf6c-1c00-83f2-8c1e-7a4d00000007
      dispatch ledger search --since 2026-11-23T09:00 --until 2026-11-23T10:00 --json
    """
    query = EntryQuery(
        stream=str(stream or ""),
        name=name,
        actor=actor,
        since=since,
        until=until,
        limit=limit,
    )
    with cli.open_app() as app:
        entries = app.evidence.entries(query)
    _print(cli, entries)
    if not entries and not cli.as_json:
        notes().print("No such events.")
    if len(entries) == limit and not cli.as_json:
        notes().print(f"The first {limit:,}; there may be more: --limit")


def _follow(cli: Cli, evidence: LedgerEvidence, after: int) -> None:
    while True:
        sys.stdout.flush()
        entries = evidence.entries(EntryQuery(after=after, limit=AT_ONCE))
        if entries:
            _print(cli, entries, headed=False)
            after = entries[-1].position
        else:
            time.sleep(POLL_S)


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
