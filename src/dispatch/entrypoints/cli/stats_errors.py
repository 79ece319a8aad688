"""`dispatch stats errors`: the codes with which values are refused, over all batches or in one."""

from collections.abc import Sequence

import rich_click as click
from rich.markup import escape
from rich.table import Table

from dispatch.application.ports.statistics import BatchErrors, ErrorShare
from dispatch.entrypoints.cli.charts import bar
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import notes, out, print_lines, table
from dispatch.entrypoints.cli.words import age


@click.command()
@click.option("--batch", metavar="BATCH", help="Only of this batch, with places and a sample.")
@limit_option(20)
@shared_options
@click.pass_obj
def errors(cli: Cli, batch: str | None, limit: int) -> None:
    """The codes with which values are refused, the most frequent first. Counts are exact, stored or not.

    \b
    Examples:
      dispatch stats errors
      dispatch stats errors --batch 3f2b8c1e
      dispatch stats errors --json | jq -r 'select(.share_percent > 20) | .error_code'
    """
    with cli.open_app() as app:
        if batch:
            of_batch = app.statistics.batch_errors(find_batch(app.queries, batch).batch_id)[:limit]
            _answer(cli, of_batch, _of_batch(of_batch))
        else:
            codes = app.statistics.error_distribution(limit=limit)
            _answer(cli, codes, _over_all(codes))


def _answer(cli: Cli, found: Sequence[object], shown: Table) -> None:
    if cli.as_json:
        print_lines(found)
    elif found:
        out().print(shown)
    else:
        notes().print("Nothing was refused.")


def _over_all(codes: Sequence[ErrorShare]) -> Table:
    numbers = ("values", "share", "batches", "last 7 days", "last seen")
    shown = table("code", "", *numbers, right=numbers)
    for row in codes:
        shown.add_row(
            row.error_code,
            bar(row.share_percent, 100),
            f"{row.errors:,}",
            f"{row.share_percent:.1f}%",
            f"{row.batches:,}",
            f"{row.errors_7d:,}",
            f"{age(row.last_seen_at)} ago",
        )
    return shown


def _of_batch(codes: Sequence[BatchErrors]) -> Table:
    numbers = ("values", "share", "first row", "last row")
    shown = table("code", "", *numbers, "columns", "found", "expected", right=numbers)
    for row in codes:
        places = (f"{row.first_row:,}", f"{row.last_row:,}") if row.stored else ("", "")
        values = (f"{row.errors:,}", f"{row.share_percent:.1f}%", *places)
        texts = (", ".join(row.columns), row.found, row.expected)
        shown.add_row(row.error_code, bar(row.share_percent, 100), *values, *map(escape, texts))
    return shown
