"""`dispatch batch reset`: have a file judged again from the beginning (acceptance 1.37)."""

import rich_click as click

from dispatch.domain.events import event_name
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json


@click.command()
@click.argument("batch", metavar="BATCH")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it is kept in the ledger, so no personal data.")
@click.option("--threshold", metavar="PERCENT", type=click.IntRange(0, 100), help="Another error budget from now on.")
@shared_options
@click.pass_obj
def reset(cli: Cli, batch: str, reason: str, threshold: int | None) -> None:
    """Have the file judged again from the beginning, with all its corrections, as if it had just come.

    Refused while rows of it are jobs: take the import back first with `dispatch batch undo`. Its rows become jobs
    again under new ids; rows of jobs that an undo had to keep count as duplicates.

    \b
    Examples:
      dispatch batch reset 3f2b8c1e --reason "postcodes are mended by hand" --threshold 20
      dispatch batch undo 3f2b8c1e --reason "wrong prices" --wait && dispatch batch reset 3f2b8c1e --reason "again"
    """
    if not reason.strip():
        raise click.BadParameter("say why", param_hint="--reason")
    with cli.open_app() as app:
        batch_id = find_batch(app.queries, batch).batch_id
        events = app.take_back.reset(batch_id, who(), reason.strip(), threshold)
    if cli.as_json:
        print_json({"batch_id": batch_id, "recorded": [event_name(event) for event in events]})
        return
    said = "is judged again from the beginning" if events else "waits to be judged already"
    out().print(f"Batch {batch_id[:8]} {said}: dispatch batch show {batch_id[:8]}", markup=False)
