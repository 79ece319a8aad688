"""`dispatch smoke schema`: is the database what this version needs, and does it keep its promises?"""

import rich_click as click
from click.exceptions import Exit

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.smoke import answer, env_option


@click.command()
@env_option
@shared_options
@click.pass_obj
def schema(cli: Cli) -> None:
    """Seven cases at the database itself, past the API: each in a transaction that is rolled back.

    Nothing stays and nothing is changed, in production as well; others wait some milliseconds at most.

    Exit codes: 0 all passed, 1 one failed or the database cannot be reached.

    \b
    Examples:
      dispatch smoke schema
      dispatch smoke schema --env prod
      dispatch smoke schema --json | jq '.cases[] | select(.passed | not)'
    """
    from dispatch.entrypoints.surroundings import smoke_schema

    if answer(cli, smoke_schema(cli.load().settings)):
        raise Exit(1)
