"""`dispatch config`: the settings in effect, and where each one came from."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json, table
from dispatch.entrypoints.settings import PREFIX, redacted


@click.command()
@shared_options
@click.pass_obj
def config(cli: Cli) -> None:
    """The settings in effect, secrets hidden, and where each one came from.

    The command line wins over the environment, that over what a running `dispatch up` has left in the data folder,
    that over the defaults. DISPATCH_<NAME>_FILE names a file that holds the value.

    \b
    Examples:
      dispatch config
      dispatch config --json | jq -r .database_url.value
    """
    loaded = cli.load()
    values = redacted(loaded.settings)
    if cli.as_json:
        print_json({name: {"value": value, "source": loaded.sources[name]} for name, value in values.items()})
        return
    shown = table("setting", "value", "from", "variable")
    for name, value in values.items():
        source = loaded.sources[name]
        text = str(value) if value != "" else "(empty)"
        shown.add_row(
            name, text.replace("[", r"\["), source, PREFIX + name.upper(), style="dim" if source == "default" else None
        )
    out().print(shown)
