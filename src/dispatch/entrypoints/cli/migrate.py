"""`dispatch migrate`: prepare the database as its owner, so that nothing else needs the owner's rights."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json


@click.command()
@shared_options
@click.pass_obj
def migrate(cli: Cli) -> None:
    """Bring the database to the current schema, with the roles and their rights; may run twice, and at once.

    Connects with DISPATCH_DATABASE_OWNER_URL, and makes the user of DISPATCH_DATABASE_URL where there is none and it
    may. Everything else then runs with DISPATCH_DATABASE_URL alone. `dispatch up` does this by itself.

    \b
    Examples:
      dispatch migrate
      DISPATCH_DATABASE_OWNER_URL=postgresql://owner@db/dispatch dispatch migrate --json
    """
    with cli.open_app() as app:
        revision = app.migrate()
    if cli.as_json:
        print_json({"revision": revision})
    else:
        out().print(f"the database is at revision {revision}")
