"""`dispatch source list` and `dispatch source show`."""

import rich_click as click
from rich.markup import escape

from dispatch.application.ports.sources import LookOutcome, SourceRow
from dispatch.application.sources.shown import source_row
from dispatch.domain.source.state import SourceStatus
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import facts, notes, out, print_json, print_lines, table
from dispatch.entrypoints.cli.words import age


@click.command("list")
@shared_options
@click.pass_obj
def list_sources(cli: Cli) -> None:
    """The sources by name, and how the last look at each went.

    \b
    Examples:
      dispatch source list
      dispatch source list --json | jq -r 'select(.failures > 0) | .name'
    """
    with cli.open_app() as app:
        rows = app.queries.sources()
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("There are no sources: dispatch source add NAME --kind folder --location /srv/in")
        return
    shown = table("name", "kind", "status", "location", "batches", "refused", "last look", right=("batches", "refused"))
    for row in rows:
        counts = f"{row.batches:,}", f"{row.refused:,}"
        style = "red" if row.failures else None
        shown.add_row(
            row.name, row.kind.value, row.status.value, escape(row.location), *counts, _look(row), style=style
        )
    out().print(shown)


@click.command()
@click.argument("name", metavar="NAME")
@shared_options
@click.pass_obj
def show(cli: Cli, name: str) -> None:
    """One source: how it was added, what came from it, and what is wrong with it.

    \b
    Examples:
      dispatch source show letters
      dispatch source show crm --json | jq -r .detail
    """
    with cli.open_app() as app:
        row = source_row(app.ledger, app.source_looks, name)
    if cli.as_json:
        print_json(row)
        return
    out().print(facts(_facts(row)), soft_wrap=True)


def _facts(row: SourceRow) -> dict[str, str]:
    known = {
        "name": row.name,
        "kind": row.kind.value,
        "location": row.location or "sends by itself",
        "status": row.status.value,
        "profile": f"{row.profile}, budget {row.error_threshold_percent} %",
        "every": f"{row.every_s:,} s",
        "added": f"{age(row.added_at)} ago, by {row.added_by or 'nobody named'}",
        "found": f"{row.batches:,} new, {row.known_again:,} known, {row.refused:,} refused",
        "last look": _look(row),
    }
    if row.found_at is not None:
        what = f"refused: {row.found_refused}" if row.found_refused else f"batch {str(row.found_batch_id)[:8]}"
        known["last found"] = f"{row.found_file} ({what}), {age(row.found_at)} ago"
    if row.detail:
        known["what is wrong"] = row.detail
    return known


def _look(row: SourceRow) -> str:
    if row.looked_at is None or row.outcome is None:
        return "paused" if row.status is SourceStatus.PAUSED else "none yet"
    failed = f", {row.failures:,} times in a row" if row.outcome is LookOutcome.FAILED and row.failures > 1 else ""
    return f"{row.outcome.value}{failed}, {age(row.looked_at)} ago"
