"""`dispatch source pause`, `resume` and `remove`."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json

reason_option = click.option("--reason", metavar="TEXT", default="", help="Why; kept in the ledger: no personal data.")


@click.command()
@click.argument("name", metavar="NAME")
@reason_option
@shared_options
@click.pass_obj
def pause(cli: Cli, name: str, reason: str) -> None:
    """Take nothing from a source for now. Doing it twice changes nothing.

    \b
    Examples:
      dispatch source pause crm --reason "they move to a new server"
    """
    with cli.open_app() as app:
        _answer(cli, name, "is paused", is_new=app.sources.pause(name, who(), reason))


@click.command()
@click.argument("name", metavar="NAME")
@shared_options
@click.pass_obj
def resume(cli: Cli, name: str) -> None:
    """Go on with a source that was paused. Doing it twice changes nothing.

    \b
    Examples:
      dispatch source resume crm
    """
    with cli.open_app() as app:
        _answer(cli, name, "is looked at again", is_new=app.sources.resume(name, who()))


@click.command()
@click.argument("name", metavar="NAME")
@reason_option
@shared_options
@click.pass_obj
def remove(cli: Cli, name: str, reason: str) -> None:
    """Take nothing from a source any more; what came from it stays. It may be added again.

    \b
    Examples:
      dispatch source remove crm --reason "contract ended"
    """
    with cli.open_app() as app:
        _answer(cli, name, "is removed", is_new=app.sources.remove(name, who(), reason))


def _answer(cli: Cli, name: str, done: str, *, is_new: bool) -> None:
    if cli.as_json:
        print_json({"name": name, "recorded": is_new})
    else:
        out().print(f"Source {name} {done}{'' if is_new else ' already'}.", markup=False)
