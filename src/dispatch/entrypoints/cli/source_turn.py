"""`dispatch source pause`, `resume` and `remove`."""

import rich_click as click

from dispatch.entrypoints.cli.answers import say_turned
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.options import reason_option, shared_options


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
        say_turned(cli, "Source", name, "is paused", is_new=app.sources.pause(name, who(), reason))


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
        say_turned(cli, "Source", name, "is looked at again", is_new=app.sources.resume(name, who()))


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
        say_turned(cli, "Source", name, "is removed", is_new=app.sources.remove(name, who(), reason))
