"""`dispatch stats`: how the intake does, in numbers and small charts."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "batches": (f"{HERE}.stats_batches:batches", "Totals, the last hours, and the newest batches."),
        "errors": (f"{HERE}.stats_errors:errors", "Which values are refused, over all batches or in one."),
        "trends": (f"{HERE}.stats_trends:trends", "The error rate by day, week or month."),
    },
)
def stats() -> None:
    """How the intake does: by the hour, by error code, and over the months. Times are UTC.

    \b
    Examples:
      dispatch stats batches
      dispatch stats errors --batch 3f2b8c1e
      dispatch stats trends --by week
    """
