"""`dispatch privacy rotate-key`: a new master key, without touching the ledger."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json


@click.command("rotate-key")
@shared_options
@click.pass_obj
def rotate_key(cli: Cli) -> None:
    """Wrap every person's key under a new master key; the old one is then removed from the key file.

    The system may run meanwhile. An interrupted rotation is finished by running it again. What was erased before is
    beyond anybody's reach from then on, backups and write-ahead log included, once the old key is nowhere kept.
    Where the keys come from DISPATCH_MASTER_KEY, write the new key before the old one, restart, and run this.

    \b
    Examples:
      dispatch privacy rotate-key
      dispatch privacy rotate-key --json
    """
    with cli.open_app() as app:
        key_id, wrapped = app.rotate_master_key()
    if cli.as_json:
        print_json({"master_key": key_id, "wrapped": wrapped})
    else:
        out().print(f"{wrapped} key(s) are wrapped under the master key {key_id} now.", soft_wrap=True)
