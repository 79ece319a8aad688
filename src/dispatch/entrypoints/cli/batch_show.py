"""`dispatch batch show`: one batch, where it stands, stage by stage."""

from typing import Any

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dispatch.application.ports.queries import BatchRow, StageProgress
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.money import pounds
from dispatch.entrypoints.cli.batch_desk import due
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.outcome import outcome_of, say_approval
from dispatch.entrypoints.cli.output import facts, out, print_json, refusals_table, table
from dispatch.entrypoints.cli.summary import Summary, render_summary, summary
from dispatch.entrypoints.cli.words import age, duration, size

ERRORS_SHOWN = 5


@click.command()
@click.argument("batch", metavar="BATCH")
@click.option(
    "--account", is_flag=True, help="Count it from the ledger: what became of every row, and the time it took."
)
@shared_options
@click.pass_obj
def show(cli: Cli, batch: str, account: bool) -> None:
    """One batch: where it stands, what came of its rows, stage by stage. BATCH is an id or its unique beginning.

    \b
    Examples:
      dispatch batch show 3f2b8c1e
      dispatch batch show 3f2b8c1e --account
      dispatch batch show 3f2b8c1e --json | jq .batch.status
    """
    counted: Summary | None = None
    with cli.open_app() as app:
        row = find_batch(app.queries, batch)
        stages = app.queries.stage_progress(row.batch_id)
        errors = app.queries.row_errors(row.batch_id, limit=ERRORS_SHOWN)
        if account:
            counted = summary(app, row.batch_id)
    if cli.as_json:
        answer: dict[str, Any] = {"batch": msgspec.to_builtins(row) | {"running": row.running}}
        answer |= {"message": outcome_of(row), "stages": stages, "first_errors": errors}
        print_json(answer | ({"summary": counted} if counted else {}))
        return
    console = out()
    _show_batch(console, row)
    if stages:
        console.print(_stages(stages))
    if errors:
        console.print(refusals_table(errors, title=f"the first {len(errors)} refused values"))
        console.print(f"All of them: dispatch batch errors {row.batch_id[:8]} --csv errors.csv", markup=False)
    if counted:
        render_summary(counted, console)


def _show_batch(console: Console, row: BatchRow) -> None:
    outcome = outcome_of(row)
    console.print(Text(outcome.text, style=f"bold {outcome.colour}"), soft_wrap=True)
    ended = f"{row.delivered:,} delivered, {row.escalated:,} escalated, {row.blocked:,} blocked"
    judged = f"{row.accepted:,} accepted, {row.rejected:,} refused, {row.duplicates:,} duplicates"
    throughput = 1000 * row.rows / (row.parse_duration_ms + row.db_duration_ms or 1)
    known = {
        "batch": row.batch_id,
        "file": f"{row.file_name}, {size(row.file_bytes)}" + (f", run {row.run}" if row.run > 1 else ""),
        "sha-256": row.file_hash,
        "status": row.status.value,
        "priority": row.priority.value,
        "value": pounds(row.value_pence),
        "received": f"{row.received_at:%Y-%m-%d %H:%M:%S} UTC, {age(row.received_at)} ago",
        "rows": f"{row.rows:,}: {judged}; budget {row.error_threshold_percent}%",
        "jobs": f"{row.jobs:,}: {ended}, {row.cancelled:,} cancelled, {row.archived:,} put aside,"
        f" {row.running:,} on their way",
        "intake": f"Parse Time {duration(row.parse_duration_ms / 1000)} | DB Time {duration(row.db_duration_ms / 1000)}"
        f" | Throughput {throughput:,.0f} rows/s",
    }
    if row.corrections:
        known["corrections"] = f"{row.corrections:,}, {row.corrections_judged:,} judged; {row.repaired:,} rows mended"
    if row.approval_reason:
        decided = (
            f"; decided by {row.decided_by}" if row.decided_by else f", level {row.approval_level}, due {due(row)}"
        )
        known["approval"] = f"{row.approval_reason}{decided}"
    if row.rejection_reason:
        known["rejected"] = f"{row.rejection_code}: {row.rejection_reason}"
    if row.closed_at is not None:
        known["closed"] = f"after {age(row.received_at, row.closed_at)}"
    console.print(facts(known), soft_wrap=True)
    if row.status is BatchStatus.AWAITING_APPROVAL:
        say_approval(console, row)


def _stages(stages: list[StageProgress]) -> Table:
    numbers = ("entered", "completed", "retries", "failed", "escalated", "blocked")
    shown = table("stage", *numbers, right=numbers)
    for stage in stages:
        counts = (stage.entered, stage.completed, stage.retries, stage.failed_attempts, stage.escalated, stage.blocked)
        shown.add_row(stage.stage, *(f"{count:,}" for count in counts))
    return shown
