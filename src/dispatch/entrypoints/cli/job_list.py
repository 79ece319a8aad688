"""`dispatch job list`: jobs and where they stand."""

import rich_click as click
from rich.markup import escape

from dispatch.domain.job.state import JobStatus
from dispatch.domain.money import pounds
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.ids import find_batch, job_name
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import WIDE, notes, out, print_lines, table
from dispatch.entrypoints.cli.words import age, short_ids


@click.command("list")
@click.option("--batch", metavar="BATCH", help="Only of this batch.")
@click.option("--status", type=click.Choice([status.value for status in JobStatus]), help="Only in this state.")
@click.option("--stage", metavar="STAGE", help="Only at this stage.")
@limit_option(50)
@shared_options
@click.pass_obj
def list_jobs(cli: Cli, batch: str | None, status: str | None, stage: str | None, limit: int) -> None:
    """Jobs, in the order in which they were opened. No personal data.

    \b
    Examples:
      dispatch job list --batch 3f2b8c1e --limit 10
      dispatch job list --status waiting --stage verify
      dispatch job list --status escalated --json | jq -r .job_id
    """
    with cli.open_app() as app:
        batch_id = find_batch(app.queries, batch).batch_id if batch else None
        wanted = JobStatus(status) if status else None
        rows = app.queries.jobs(batch_id=batch_id, status=wanted, stage=stage, limit=limit)
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("No such jobs. Jobs come from files: dispatch batch upload jobs.csv --wait")
        return
    console = out()
    wide = console.is_terminal and console.width >= WIDE
    short = short_ids([row.batch_id for row in rows])
    shown = table(
        "job", "reference", "service", "price", "status", "stage", "error", "changed", right=("price", "changed")
    )
    for row in rows:
        shown.add_row(
            row.job_id if wide or not row.row else job_name(short[row.batch_id], row.row),
            escape(row.reference),
            escape(row.service),
            pounds(row.price_pence),
            row.status.value,
            row.stage,
            row.error_code,
            f"{age(row.changed_at)} ago",
        )
    console.print(shown)
    if len(rows) == limit:
        notes().print(f"The first {limit:,}; there may be more: --limit")
