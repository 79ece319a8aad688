"""`dispatch stats batches`: totals, the last hours as a chart, and the newest batches."""

from collections.abc import Sequence
from datetime import UTC, datetime

import rich_click as click
from rich.markup import escape
from rich.table import Table

from dispatch.application.ports.statistics import HOURS_MAX, BatchHour, BatchMetrics, ObservedBatch
from dispatch.application.series import every_hour
from dispatch.entrypoints.cli.charts import bar
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import facts, notes, out, print_json, table
from dispatch.entrypoints.cli.words import age, duration, short_ids


@click.command()
@click.option(
    "--hours",
    metavar="N",
    type=click.IntRange(1, HOURS_MAX),
    default=24,
    show_default=True,
    help="The last N hours, this one included.",
)
@limit_option(10)
@shared_options
@click.pass_obj
def batches(cli: Cli, hours: int, limit: int) -> None:
    """Totals over all batches, those of the last hours, and the newest one by one.

    A batch belongs to the hour in which it was received. p95: 95 of 100 batches took no longer.

    \b
    Examples:
      dispatch stats batches
      dispatch stats batches --hours 168 --json | jq '.hours[] | select(.error_rate_percent > 15)'
    """
    with cli.open_app() as app:
        totals = app.statistics.batch_metrics()
        by_hour = app.statistics.batch_hours(hours=hours)
        newest = app.statistics.observed_batches(limit=limit)
    if cli.as_json:
        print_json({"totals": totals, "hours": by_hour, "batches": newest})
        return
    if not totals.batches:
        notes().print("No batches yet. They come from files: dispatch batch upload jobs.csv --wait")
        return
    console = out()
    console.print(_totals(totals))
    console.print(_hours(every_hour(by_hour, datetime.now(UTC), hours)))
    console.print(_newest(newest))


def _totals(totals: BatchMetrics) -> object:
    ended = f"{totals.complete + totals.complete_with_exceptions:,} complete, {totals.rejected:,} rejected"
    is_open = f"{totals.open:,} open" + (
        f", the oldest for {duration(totals.oldest_open_age_s)}" if totals.open else ""
    )
    return facts(
        {
            "batches": f"{totals.batches:,}: {ended}, {is_open}",
            "rows": f"{totals.rows:,}: {totals.valid_rows:,} valid, {totals.invalid_rows:,} invalid, "
            f"{totals.duplicate_rows:,} duplicates",
            "error rate": f"{totals.error_rate_percent:.1f}%, duplicates {totals.duplicate_percent:.1f}%",
            "intake": f"{totals.rows_per_s:,.0f} rows/s; parsing {duration(totals.parse_duration_ms / 1000)},"
            f" database {duration(totals.db_duration_ms / 1000)} in all",
        }
    )


def _hours(hours: Sequence[BatchHour]) -> Table:
    """From the first hour in which something came."""
    begun = next((place for place, hour in enumerate(hours) if hour.batches), len(hours) - 1)
    most = max((hour.rows for hour in hours), default=0)
    numbers = ("batches", "rejected", "rows", "errors", "parse p95", "db p95", "rows/s")
    shown = table("hour", "", *numbers, right=numbers)
    for hour in hours[begun:]:
        values = (
            f"{hour.batches:,}",
            f"{hour.rejected:,}",
            f"{hour.rows:,}",
            f"{hour.error_rate_percent:.1f}%",
            duration(hour.parse_p95_ms / 1000),
            duration(hour.db_p95_ms / 1000),
            f"{hour.rows_per_s:,.0f}",
        )
        shown.add_row(f"{hour.hour:%d %b %H:00}", bar(hour.rows, most), *(values if hour.batches else ("",) * 7))
    return shown


def _newest(newest: Sequence[ObservedBatch]) -> Table:
    short = short_ids([row.batch_id for row in newest])
    numbers = ("rows", "errors", "budget", "parse", "db", "rows/s", "age")
    shown = table("batch", "file", "status", *numbers, "why", right=numbers)
    for row in newest:
        shown.add_row(
            short[row.batch_id],
            escape(row.file_name),
            row.status.value,
            f"{row.rows:,}",
            f"{row.error_rate_percent:.1f}%",
            f"{row.error_threshold_percent}%",
            duration(row.parse_duration_ms / 1000),
            duration(row.db_duration_ms / 1000),
            f"{row.rows_per_s:,.0f}",
            age(row.received_at),
            escape(row.rejection_reason),
        )
    return shown
