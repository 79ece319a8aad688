"""`dispatch batch`: uploads, and what became of them."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.lazy import LazyGroup
from dispatch.entrypoints.cli.options import limit_option, shared_options

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "upload": (f"{HERE}.batch_upload:upload", "Take a CSV file in as a batch."),
        "show": (f"{HERE}.batch_show:show", "One batch: where it stands, stage by stage."),
        "errors": (f"{HERE}.batch_errors:errors", "The refused values of a batch, also as CSV."),
        "correct": (f"{HERE}.batch_correct:correct", "Send refused rows again, corrected."),
        "undo": (f"{HERE}.batch_undo:undo", "Take an import back: cancel what was not sent."),
        "reset": (f"{HERE}.batch_reset:reset", "Have the file judged again from the beginning."),
        "desk": (f"{HERE}.batch_desk:desk", "Batches that wait for a person's approval."),
        "approve": (f"{HERE}.batch_desk:approve", "Let a batch in that waits for approval."),
        "reject": (f"{HERE}.batch_desk:reject", "Reject a batch that waits for approval."),
        "prioritise": (f"{HERE}.batch_desk:prioritise", "Take a batch in before others, or after them."),
    },
)
def batch() -> None:
    """Upload files and see what became of them.

    \b
    Examples:
      dispatch batch upload jobs.csv --wait
      dispatch batch list
      dispatch batch show 3f2b8c1e
      dispatch batch errors 3f2b8c1e --corrections mend.csv
      dispatch batch correct 3f2b8c1e mend.csv --wait
      dispatch batch undo 3f2b8c1e --reason "the wrong file" --dry-run
      dispatch batch desk
    """


@batch.command("list")
@limit_option(20)
@shared_options
@click.pass_obj
def list_batches(cli: Cli, limit: int) -> None:
    """The batches, newest first.

    \b
    Examples:
      dispatch batch list
      dispatch batch list --limit 100 --json | jq -r 'select(.status == "rejected") | .file_name'
    """
    from rich.markup import escape

    from dispatch.entrypoints.cli.output import WIDE, notes, out, print_lines, table
    from dispatch.entrypoints.cli.words import age, short_ids

    with cli.open_app() as app:
        rows = app.queries.batches(limit=limit)
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("No batches yet. Upload one: dispatch batch upload jobs.csv --wait")
        return
    console = out()
    ids = [row.batch_id for row in rows]
    shown = dict(zip(ids, ids, strict=True)) if console.is_terminal and console.width >= WIDE else short_ids(ids)
    numbers = ("rows", "jobs", "refused", "dup.", "delivered", "escal.", "blocked")
    made = table("batch", "file", "status", *numbers, "received", right=(*numbers, "received"))
    for row in rows:
        counts = (row.rows, row.jobs, row.rejected, row.duplicates, row.delivered, row.escalated, row.blocked)
        name = row.file_name if row.run == 1 else f"{row.file_name} (run {row.run})"
        made.add_row(
            shown[row.batch_id],
            escape(name),
            row.status.value,
            *(f"{count:,}" for count in counts),
            f"{age(row.received_at)} ago",
        )
    console.print(made)
