"""`dispatch view list`: how far each view has followed the ledger."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_lines, table


@click.command("list")
@shared_options
@click.pass_obj
def list_views(cli: Cli) -> None:
    """Each view's position in the ledger, how many events it lags behind, and its rows.

    \b
    Examples:
      dispatch view list
      dispatch view list --json | jq 'select(.lag > 1000)'
    """
    with cli.open_app() as app:
        positions, head = app.queries.positions(), app.ledger.head()
        rows = {position.view: app.count_view(position.view) for position in positions}
    if cli.as_json:
        print_lines(
            {
                "view": position.view,
                "version": position.version,
                "position": position.position,
                "lag": max(0, head - position.position),
                "rows": sum(rows[position.view].values()),
                "tables": rows[position.view],
            }
            for position in positions
        )
        return
    numbers = ("version", "position", "lag", "rows")
    shown = table("view", *numbers, right=numbers)
    for position in positions:
        lag = max(0, head - position.position)
        counts = (position.version, position.position, lag, sum(rows[position.view].values()))
        shown.add_row(position.view, *(f"{count:,}" for count in counts))
    out().print(shown)
