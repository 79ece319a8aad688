"""`dispatch smoke e2e`: files over HTTP, against any installation."""

import rich_click as click
from click.exceptions import Exit

from dispatch.application.smoke import NotSetUp
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import say
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes
from dispatch.entrypoints.cli.smoke import answer, env_option

TIMEOUT_S = 120


@click.command()
@click.option("--url", metavar="URL", help="Base URL of the API (DISPATCH_API_URL, or the system that runs here).")
@click.option(
    "--timeout",
    "timeout_s",
    metavar="S",
    type=click.IntRange(1, 3600),
    default=TIMEOUT_S,
    show_default=True,
    help="So long each file may take, in seconds.",
)
@env_option
@shared_options
@click.pass_obj
def e2e(cli: Cli, url: str | None, timeout_s: int) -> None:
    """Three cases over HTTP: a good file to its end, the same file again, and a bad one that is refused.

    The files are made anew each time and are for nobody real: numbers for drama, addresses at example.org. Two small
    batches named smoke-... stay in the ledger, which forgets nothing; jobs that would wait for a person are cancelled.

    Exit codes: 0 all passed, 1 one or more failed, 2 the test could not begin or not clean up.

    \b
    Examples:
      dispatch smoke e2e
      dispatch smoke e2e --url https://dispatch.example.org --timeout 300
      dispatch smoke e2e --env prod --json
    """
    from dispatch.entrypoints.settings import SettingsError
    from dispatch.entrypoints.surroundings import open_end_to_end

    try:
        settings = cli.load().settings
        base_url = url or settings.api_url or f"http://{settings.http_host}:{settings.http_port}"
        console = notes()

        def tell(text: str) -> None:
            if not cli.as_json:
                console.print(text, markup=False, soft_wrap=True)

        with open_end_to_end(base_url, timeout_s=timeout_s, on_progress=tell) as test:
            cases, left = test.run(), ""
            try:
                test.tear_down()
            except NotSetUp as error:
                left = str(error)
    except (NotSetUp, SettingsError) as error:
        say(error, cli)
        raise Exit(2) from error
    failed = answer(cli, cases, url=base_url, run=test.run_name, left=left)
    if left and not cli.as_json:
        console.print(left, markup=False, soft_wrap=True)
    if left or failed:
        raise Exit(2 if left else 1)
