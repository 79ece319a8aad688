"""`dispatch view rebuild`: replay the ledger into a view, and say whether the one that served was right."""

from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, out, print_lines, table

if TYPE_CHECKING:
    from dispatch.entrypoints.bootstrap import App, Rebuilt


@click.command()
@click.argument("name", metavar="NAME", required=False)
@click.option("--all", "every", is_flag=True, help="Every view, one after the other.")
@shared_options
@click.pass_obj
def rebuild(cli: Cli, name: str | None, every: bool) -> None:
    """Build a view anew from the ledger while the old one serves, then put it in its place.

    Prints the checksum of the rows before and after; the exit code is 1 when they differed.

    \b
    Examples:
      dispatch view rebuild jobs
      dispatch view rebuild --all --json
    """
    if (name is None) == (not every):
        raise click.UsageError("Name one view, or say --all.")
    with cli.open_app() as app:
        known = [position.view for position in app.queries.positions()]
        if name is not None and name not in known:
            raise Refused("view_unknown", "there is no such view", name, f"choose one of {', '.join(known)}")
        made = [_rebuild(app, view, hidden=cli.as_json) for view in (known if name is None else [name])]
    if cli.as_json:
        print_lines(
            {
                "view": rebuilt.view,
                "events": rebuilt.events,
                "position": rebuilt.position,
                "checksum_before": rebuilt.checksum_before,
                "checksum_after": rebuilt.checksum_after,
                "equal": rebuilt.same,
            }
            for rebuilt in made
        )
    else:
        shown = table("view", "events", "position", "before", "after", "equal", right=("events", "position"))
        for rebuilt in made:
            checksums = (rebuilt.checksum_before[:16], rebuilt.checksum_after[:16])
            equal = "yes" if rebuilt.same else "NO"
            counts = (f"{rebuilt.events:,}", f"{rebuilt.position:,}")
            shown.add_row(rebuilt.view, *counts, *checksums, equal, style=None if rebuilt.same else "bold red")
        out().print(shown)
    if not all(rebuilt.same for rebuilt in made):
        raise Exit(1)


def _rebuild(app: "App", view: str, *, hidden: bool) -> "Rebuilt":
    console = notes()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task(view, total=None)
        return app.rebuild_view(view, lambda done, head: progress.update(task, completed=done, total=head))
