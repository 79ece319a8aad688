"""`dispatch stats trends`: the error rate by day, week or month, as a chart."""

from datetime import UTC, datetime

import rich_click as click

from dispatch.application.ports.statistics import Period, TrendPoint
from dispatch.application.series import every_period
from dispatch.entrypoints.cli.charts import bar
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, out, print_lines, table

FORMATS = {Period.DAY: "%a %d %b", Period.WEEK: "week of %d %b %Y", Period.MONTH: "%B %Y"}
RATE_LEAST = 10.0
"""A full bar stands for this error rate, or for the highest: a tenth of a per cent is not drawn as a cliff."""


@click.command()
@click.option(
    "--by",
    type=click.Choice([period.value for period in Period]),
    default=Period.DAY.value,
    show_default=True,
    help="How long a line of the chart is.",
)
@click.option(
    "--last",
    metavar="N",
    type=click.IntRange(1, 366),
    default=14,
    show_default=True,
    help="So many periods, up to now.",
)
@shared_options
@click.pass_obj
def trends(cli: Cli, by: str, last: int) -> None:
    """The error rate of what came in each day, week or month, up to now. Weeks begin on Monday.

    What corrections mended stays counted: this tells how good the files were when they came. With --json periods in
    which nothing came are left out.

    \b
    Examples:
      dispatch stats trends
      dispatch stats trends --by month --last 12
      dispatch stats trends --by week --json | jq '{starts_at, error_rate_percent}'
    """
    period = Period(by)
    with cli.open_app() as app:
        points = app.statistics.error_trend(period, limit=last)
    if cli.as_json:
        print_lines(points)
        return
    if not points:
        notes().print("No batches yet. They come from files: dispatch batch upload jobs.csv --wait")
        return
    series = every_period(points, period, datetime.now(UTC), last)
    most = max(RATE_LEAST, *(point.error_rate_percent for point in series))
    numbers = ("errors", "change", "duplicates", "rows", "batches", "rejected")
    shown = table(by, "", *numbers, right=numbers)
    before: TrendPoint | None = None
    for point in series:
        values = (
            f"{point.error_rate_percent:.2f}%",
            _change(before, point),
            f"{point.duplicate_percent:.1f}%",
            f"{point.rows:,}",
            f"{point.batches:,}",
            f"{point.rejected:,}",
        )
        label = point.starts_at.strftime(FORMATS[period])
        shown.add_row(label, bar(point.error_rate_percent, most), *(values if point.batches else ("",) * 6))
        before = point if point.rows else before
    out().print(shown)


def _change(before: TrendPoint | None, point: TrendPoint) -> str:
    """Against the period before in which rows came, in percentage points."""
    return f"{point.error_rate_percent - before.error_rate_percent:+.2f}" if before and point.rows else ""
