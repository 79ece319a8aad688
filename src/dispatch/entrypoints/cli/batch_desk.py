"""`dispatch batch desk | approve | reject | prioritise`: what a person decides about batches that wait."""

from collections.abc import Sequence
from datetime import UTC, datetime

import rich_click as click

from dispatch.application.ports.queries import BatchRow
from dispatch.domain.batch.desk import LEVELS, Priority
from dispatch.domain.events import Event, event_name
from dispatch.domain.money import pounds
from dispatch.domain.rows import error_rate
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json, print_lines, table
from dispatch.entrypoints.cli.words import age, short_ids

LEVEL_NAMES = {1: "1 operations", 2: "2 engineering", LEVELS: f"{LEVELS} leadership"}
"""Acceptance 1.39."""

reason_option = click.option(
    "--reason", metavar="TEXT", required=True, help="Why; it is kept in the ledger and shown, so no personal data."
)


@click.command()
@limit_option(100)
@shared_options
@click.pass_obj
def desk(cli: Cli, limit: int) -> None:
    """Batches that wait for a person's approval: why, on which level, until when. The most urgent come first.

    \b
    Examples:
      dispatch batch desk
      dispatch batch desk --json | jq -r .batch_id
    """
    from rich.markup import escape

    with cli.open_app() as app:
        rows = app.queries.approvals(limit=limit)
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("No batch waits for approval.")
        return
    short = short_ids([row.batch_id for row in rows])
    shown = table("batch", "file", "brought by", "why", "refused", "value", "level", "due", right=("refused", "value"))
    for row in rows:
        rate = f"{error_rate(row.rejected, row.rows):.1f}%"
        facts = (escape(row.file_name), escape(row.received_by), row.approval_reason, rate, pounds(row.value_pence))
        style = {2: "yellow", LEVELS: "bold red"}.get(row.approval_level)
        shown.add_row(short[row.batch_id], *facts, LEVEL_NAMES[row.approval_level], due(row), style=style)
    out().print(shown)
    notes().print(
        "Let one in: dispatch batch approve BATCH --reason TEXT; or: dispatch batch reject BATCH --reason TEXT"
    )


@click.command()
@click.argument("batch", metavar="BATCH")
@reason_option
@shared_options
@click.pass_obj
def approve(cli: Cli, batch: str, reason: str) -> None:
    """Let a batch in that waits for approval; its good rows become jobs. Doing it twice changes nothing.

    Under the two-person rule whoever brought the file may not do it.

    \b
    Examples:
      dispatch batch desk
      dispatch batch approve 3f2b8c1e --reason "the council confirmed the postcodes"
    """
    with cli.open_app() as app:
        batch_id = find_batch(app.queries, batch).batch_id
        events = app.approval_desk.approve(batch_id, who(), reason)
    _answer(cli, batch_id, events, "is approved: its good rows become jobs", "was approved already")


@click.command()
@click.argument("batch", metavar="BATCH")
@reason_option
@shared_options
@click.pass_obj
def reject(cli: Cli, batch: str, reason: str) -> None:
    """Reject a batch as a whole that waits for approval, or that cannot be judged. Doing it twice changes nothing.

    \b
    Examples:
      dispatch batch reject 3f2b8c1e --reason "the prices are last year's"
    """
    with cli.open_app() as app:
        batch_id = find_batch(app.queries, batch).batch_id
        events = app.approval_desk.reject(batch_id, who(), reason)
    _answer(cli, batch_id, events, "is rejected: nothing of it was admitted", "was rejected already")


@click.command()
@click.argument("batch", metavar="BATCH")
@click.argument("priority", type=click.Choice([level.value for level in Priority]))
@reason_option
@shared_options
@click.pass_obj
def prioritise(cli: Cli, batch: str, priority: str, reason: str) -> None:
    """Take a batch in before others, or after them; possible until its rows are jobs.

    \b
    Examples:
      dispatch batch prioritise 3f2b8c1e urgent --reason "no heating in twelve homes"
    """
    with cli.open_app() as app:
        batch_id = find_batch(app.queries, batch).batch_id
        events = app.approval_desk.prioritise(batch_id, Priority(priority), who(), reason)
    _answer(cli, batch_id, events, f"is {priority} now", f"was {priority} already")


def due(row: BatchRow, now: datetime | None = None) -> str:
    """Until when somebody has to answer, in words; the last level has no deadline."""
    now = now or datetime.now(UTC)
    if row.approval_due_at is None:
        return "overdue"
    return f"in {age(now, row.approval_due_at)}" if row.approval_due_at > now else "now"


def _answer(cli: Cli, batch_id: str, events: Sequence[Event], done: str, before: str) -> None:
    if cli.as_json:
        print_json({"batch_id": batch_id, "recorded": [event_name(event) for event in events]})
    else:
        out().print(f"Batch {batch_id[:8]} {done if events else before}.", soft_wrap=True)
