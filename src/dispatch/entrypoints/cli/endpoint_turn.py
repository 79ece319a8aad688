"""`dispatch endpoint test`, `replay`, `disable`, `enable` and `remove`."""

import rich_click as click
from click.exceptions import Exit

from dispatch.application.moment import parse_time
from dispatch.entrypoints.cli.answers import say_turned
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import reason_option, shared_options
from dispatch.entrypoints.cli.output import out, print_json


@click.command()
@click.argument("name", metavar="NAME")
@shared_options
@click.pass_obj
def test(cli: Cli, name: str) -> None:
    """Send a message of the type endpoint.test now; exit code 1 when it is not taken.

    \b
    Examples:
      dispatch endpoint test crm
    """
    with cli.open_app() as app:
        attempt = app.endpoints.test(name)
    answer = attempt.answer
    if cli.as_json:
        print_json({"name": name, "message_id": attempt.message.message_id, "answer": answer})
    else:
        what = f"failed: {answer.error}" if answer.error else f"was answered {answer.status}"
        out().print(f"The test message to {name} {what}, after {answer.took_ms:,.0f} ms.", markup=False)
        if answer.excerpt:
            out().print(answer.excerpt, markup=False)
    if answer.error:
        raise Exit(1)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--since", metavar="TIME", required=True, help="As 2026-11-27T09:00:00Z; without a zone it is UTC.")
@shared_options
@click.pass_obj
def replay(cli: Cli, name: str, since: str) -> None:
    """Send once more all that was recorded since then, under the same message ids.

    \b
    Examples:
      dispatch endpoint replay crm --since 2026-11-27T09:00:00Z
    """
    try:
        moment = parse_time(since)
    except ValueError:
        fix = "write it like 2026-11-27T09:00:00Z"
        raise Refused("time_invalid", f"{since[:60]!r} is no time", "--since", fix) from None
    with cli.open_app() as app:
        is_new = app.endpoints.replay(name, moment, who())
    say_turned(cli, "Endpoint", name, "is sent it once more", is_new=is_new)


@click.command()
@click.argument("name", metavar="NAME")
@reason_option
@shared_options
@click.pass_obj
def disable(cli: Cli, name: str, reason: str) -> None:
    """Send nothing to an endpoint for now. Doing it twice changes nothing.

    \b
    Examples:
      dispatch endpoint disable crm --reason "they move to a new server"
    """
    with cli.open_app() as app:
        say_turned(cli, "Endpoint", name, "is disabled", is_new=app.endpoints.disable(name, who(), reason))


@click.command()
@click.argument("name", metavar="NAME")
@shared_options
@click.pass_obj
def enable(cli: Cli, name: str) -> None:
    """Send to an endpoint again. What it missed meanwhile is sent by `dispatch endpoint replay`.

    \b
    Examples:
      dispatch endpoint enable crm
    """
    with cli.open_app() as app:
        say_turned(cli, "Endpoint", name, "is sent to again", is_new=app.endpoints.enable(name, who()))


@click.command()
@click.argument("name", metavar="NAME")
@shared_options
@click.pass_obj
def remove(cli: Cli, name: str) -> None:
    """Tell an endpoint of nothing any more; what waited for it is dropped. It may be added again.

    \b
    Examples:
      dispatch endpoint remove crm
    """
    with cli.open_app() as app:
        say_turned(cli, "Endpoint", name, "is removed", is_new=app.endpoints.remove(name, who()))
