"""`dispatch provider receipts`: how many signed receipts came, and which speak of a message that nobody knows."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json, table


@click.command("receipts")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many that wait.")
@shared_options
@click.pass_obj
def receipts(cli: Cli, limit: int) -> None:
    """Signed receipts by provider and by what became of them, then those that wait for their message to be known.

    Late ones had to wait, and were recorded then. Of contradicting ones a message was said to have failed and to be
    delivered: it counts as delivered.

    \b
    Examples:
      dispatch provider receipts
      dispatch provider receipts --json | jq .waiting
    """
    with cli.open_app() as app:
        shown = app.take_receipts.shown(limit)
    if cli.as_json:
        print_json(shown)
        return
    numbers = ("received", "recorded", "repeated", "pending", "contradicting", "late", "waiting")
    totals = table("provider", *numbers, right=numbers)
    for one in shown.totals:
        totals.add_row(one.provider, *(f"{getattr(one, name):,}" for name in numbers))
    out().print(totals)
    if shown.waiting:
        waiting = table("provider", "message", "status", "code", "since", "times", right=("times",))
        for each in shown.waiting:
            named = each.message_id or each.idempotency_key
            since = f"{each.first_at:%Y-%m-%d %H:%M:%S}"
            waiting.add_row(each.provider, named, each.status.value, each.code, since, f"{each.times:,}")
        out().print(waiting)
