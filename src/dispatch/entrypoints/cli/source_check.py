"""`dispatch source check`: look at a source now."""

import rich_click as click
from click.exceptions import Exit

from dispatch.application.ports.sources import LookOutcome
from dispatch.application.sources.shown import source_row
from dispatch.domain.source.events import SourceKind
from dispatch.domain.source.state import SourceStatus
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json

WORDS = {
    LookOutcome.NOTHING: "There is nothing new at {name}.",
    LookOutcome.TAKEN: "What is new at {name} was taken; see it with: dispatch batch list",
    LookOutcome.REFUSED: "What was found at {name} cannot be taken. {detail}",
    LookOutcome.FAILED: "{name} cannot be looked at. {detail}",
}


@click.command()
@click.argument("name", metavar="NAME")
@shared_options
@click.pass_obj
def check(cli: Cli, name: str) -> None:
    """Look at a source now, in this process. The exit code is 1 when it cannot be looked at, or a file was refused.

    \b
    Examples:
      dispatch source check letters
      dispatch source check crm --json | jq -r .outcome
    """
    with cli.open_app() as app:
        row = source_row(app.ledger, app.source_looks, name)
        if row.kind is SourceKind.WEBHOOK:
            raise Refused("source_sends", "a webhook is not looked at: it sends", name, "send a signed message")
        if row.status is SourceStatus.PAUSED:
            raise Refused("source_paused", "the source is paused", name, f"resume it: dispatch source resume {name}")
        look = app.look_at_source(row)
    if cli.as_json:
        print_json(look)
    else:
        words = WORDS[look.outcome].format(name=row.name, detail=look.detail)
        out().print(words, markup=False, soft_wrap=True)
    if look.outcome in {LookOutcome.REFUSED, LookOutcome.FAILED}:
        raise Exit(1)
