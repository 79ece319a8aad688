"""`dispatch limits`: which rate limits there are, and how full they are now."""

import rich_click as click
from rich.text import Text

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_lines, table


@click.command()
@shared_options
@click.pass_obj
def limits(cli: Cli) -> None:
    """What may go out each second by channel, provider and tenant, and what callers of the API may ask for.

    "taken" is what is reserved at this moment, "waits" how long the next one would wait. A line with * stands for
    limits that everybody has alone; "in use" counts who is not back to nothing.

    \b
    Examples:
      dispatch limits
      dispatch limits --json | jq 'select(.waits_s > 1)'
    """
    from dispatch.application.limits import show_limits
    from dispatch.entrypoints.limit_settings import read_plan
    from dispatch.entrypoints.settings import outbound_rates

    with cli.open_app() as app:
        shown = show_limits(app.limiter, outbound_rates(app.settings), read_plan(app.settings.inbound_plan))
    if cli.as_json:
        print_lines(shown)
        return
    columns = ("rate", "burst", "taken", "waits", "in use")
    lines = table("limit", *columns, right=columns)
    for limit in shown:
        lines.add_row(
            Text(limit.name),  # As it is: a name between colons would be taken for an emoji.
            f"{limit.per:,} / {limit.seconds:g} s",
            f"{limit.burst:,}",
            "" if limit.taken is None else f"{limit.taken:,}",
            "" if limit.waits_s is None else f"{limit.waits_s:.2f} s",
            "" if limit.in_use is None else f"{limit.in_use:,}",
        )
    out().print(lines)
