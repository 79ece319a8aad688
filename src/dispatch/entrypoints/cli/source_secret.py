"""`dispatch source secret`: a secret that both sides of a webhook keep."""

from secrets import token_bytes

import rich_click as click

from dispatch.application.intake.signatures import write_secret
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json

KEY_BYTES = 32


@click.command()
@shared_options
@click.pass_obj
def secret(cli: Cli) -> None:
    """Make a secret for signed messages (Standard Webhooks). It is shown once and kept nowhere.

    \b
    Examples:
      dispatch source secret
    """
    made = write_secret(token_bytes(KEY_BYTES))
    if cli.as_json:
        print_json({"secret": made})
        return
    out().print(made, markup=False, soft_wrap=True)
    notes().print("Give it to the sender, and to the API as DISPATCH_WEBHOOK_SECRETS: NAME=whsec_...", markup=False)
