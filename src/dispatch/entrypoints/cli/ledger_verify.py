"""`dispatch ledger verify`: is everything as it was recorded?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dispatch.application.ports.evidence import Verdict
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import say
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import facts, notes, out, print_json, table

BAD, CANNOT_CHECK = 1, 2


@click.command()
@click.option(
    "--since",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Hash only what came after this checkpoint, which you kept.",
)
@click.option(
    "--key", metavar="KEY", help="Public key to trust (NAME+ID+BASE64) instead of the one in the data folder."
)
@shared_options
@click.pass_obj
def verify(cli: Cli, since: Path | None, key: str | None) -> None:
    """Hash every stored event, and compare with the stored tree and every signed checkpoint, exported ones too.

    Exit codes: 0 all is as it was recorded, 1 it is not, 2 it cannot be checked. The first bad event is named by its
    position, stream and version. Keep checkpoints where the owner of the database does not reach them:
    DATA/checkpoints/ is the copy that this machine keeps.

    \b
    Examples:
      dispatch ledger verify
      dispatch ledger verify --since kept/latest.txt
      dispatch ledger verify --json | jq '.damage[0]'
    """
    try:
        note = since.read_text(encoding="utf-8") if since else None
        with cli.open_app() as app, progress_bar("hashing", hidden=cli.as_json) as on_progress:
            verdict = app.sealing.evidence.verify(since=note, key=key, on_progress=on_progress)
    except Exception as error:
        if not say(error, cli):
            raise
        raise Exit(CANNOT_CHECK) from error
    if cli.as_json:
        print_json({"good": verdict.is_good, **{name: getattr(verdict, name) for name in verdict.__struct_fields__}})
    else:
        _show(out(), verdict)
    if not verdict.is_good:
        raise Exit(BAD)


@contextmanager
def progress_bar(name: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal while the block runs; nothing elsewhere."""
    console = notes()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _show(console: Console, verdict: Verdict) -> None:
    known = {
        "hashed": f"{verdict.events:,} events",
        "sealed": f"{verdict.size:,} events in all",
        "not yet sealed": f"{verdict.unsealed:,} events",
        "checkpoints": f"{verdict.checkpoints:,} in the database, {verdict.exported:,} exported",
    }
    console.print(facts(known))
    if verdict.is_good:
        console.print("[bold green]good[/]  every sealed event is as it was recorded")
        return
    shown = table("kind", "position", "stream", "version", "what", right=("position", "version"))
    for one in verdict.damage:
        position, version = (("" if number is None else str(number)) for number in (one.position, one.version))
        shown.add_row(one.kind.value, position, one.stream or "", version, escape(one.what))
    console.print(shown)
    if verdict.damaged > len(verdict.damage):
        console.print(f"and {verdict.damaged - len(verdict.damage):,} more")
    console.print(f"[bold red]BAD[/]  {escape(verdict.damage[0].what)}", soft_wrap=True)
