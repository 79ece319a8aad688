"""`dispatch batch undo`: take an import back, after a look at what would happen."""

import rich_click as click

from dispatch.application.ports.queries import BatchRow, Queries
from dispatch.application.take_back import KEPT_SHOWN, UndoPreview
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.events import event_name
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.follow import BatchFollower
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.outcome import outcome_of
from dispatch.entrypoints.cli.output import facts, notes, out, print_json, table


@click.command()
@click.argument("batch", metavar="BATCH")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it is kept in the ledger, so no personal data.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--wait/--no-wait", default=False, show_default=True, help="Wait until it is done.")
@shared_options
@click.pass_obj
def undo(cli: Cli, batch: str, reason: str, dry_run: bool, yes: bool, wait: bool) -> None:
    """Take an import back: every job of it that was not sent is cancelled. Jobs that were sent, or have ended, stay.

    It says first how many jobs that is, and which stay and why. The ledger keeps everything. Afterwards the references
    of cancelled jobs are free: a corrected file may bring them again, or `dispatch batch reset` the same one.

    \b
    Examples:
      dispatch batch undo 3f2b8c1e --reason "the wrong file" --dry-run
      dispatch batch undo 3f2b8c1e --reason "the wrong file" --wait
      dispatch batch undo 3f2b8c1e --reason "the wrong file" --dry-run --json | jq .preview.kept_jobs
    """
    if not reason.strip():
        raise click.BadParameter("say why", param_hint="--reason")
    with cli.open_app() as app:
        batch_id = find_batch(app.queries, batch).batch_id
        preview = app.take_back.preview(batch_id, kept_max=None if cli.as_json else KEPT_SHOWN)
        if not cli.as_json:
            _show(preview)
        recorded: list[str] = []
        row: BatchRow | None = None
        if not dry_run:
            if not yes:
                click.confirm(f"Cancel {preview.cancels:,} jobs? They cannot be opened again", abort=True, err=True)
            recorded = [event_name(event) for event in app.take_back.undo(batch_id, who(), reason.strip())]
            if not cli.as_json:
                said = "The import is being taken back" if recorded else "That was asked before, and nothing was done"
                out().print(f"{said}: dispatch batch show {batch_id[:8]}", markup=False)
            if wait:
                row = _wait(app.queries, cli, batch_id)
    if cli.as_json:
        print_json({"dry_run": dry_run, "preview": preview, "recorded": recorded, "batch": row})
    elif row is not None:
        outcome = outcome_of(row)
        out().print(outcome.text, style=outcome.colour, markup=False, soft_wrap=True)


def _wait(queries: Queries, cli: Cli, batch_id: str) -> BatchRow | None:
    console = None if cli.as_json else notes()
    return BatchFollower(queries, batch_id, console, rests=lambda row: row.status is BatchStatus.UNDONE).run()


def _show(preview: UndoPreview) -> None:
    console = out()
    shown = {
        "batch": f"{preview.batch_id} ({preview.status.value})",
        "jobs": f"{preview.jobs:,}",
        "would be cancelled": f"{preview.cancels:,}",
        "cancelled already": f"{preview.cancelled:,}",
        "stay": f"{preview.kept:,}" + (f", {preview.under_way:,} of them being sent" if preview.under_way else ""),
    }
    console.print(facts(shown), soft_wrap=True)
    if preview.kept_jobs:
        kept = table("job", "row", "status", "stays, because", right=("row",))
        for job in preview.kept_jobs:
            kept.add_row(job.job_id, f"{job.row:,}", job.status.value, job.why.value.replace("_", " "))
        console.print(kept)
        if preview.kept > len(preview.kept_jobs):
            notes().print(f"The first {len(preview.kept_jobs):,} of {preview.kept:,}; all of them: --json")
