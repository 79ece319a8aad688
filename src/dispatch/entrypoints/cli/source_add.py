"""`dispatch source add`: take rows from somewhere from now on."""

import rich_click as click

from dispatch.application.ports.sources import SourceRow
from dispatch.application.sources.desk import EVERY_S, NewSource
from dispatch.application.sources.shown import source_row
from dispatch.domain.source.events import SourceKind
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json

_DEFAULTS = ", ".join(f"{kind.value} {every}" for kind, every in EVERY_S.items() if kind is not SourceKind.WEBHOOK)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--kind", type=click.Choice([kind.value for kind in SourceKind]), required=True, help="How rows come.")
@click.option("--location", metavar="PLACE", default="", help="A whole path, or an https address; a webhook has none.")
@click.option("--profile", metavar="NAME", default="service-job", show_default=True, help="What kind of rows they are.")
@click.option("--threshold", metavar="PERCENT", type=click.IntRange(0, 100), help="Error budget of its batches (10).")
@click.option("--every", metavar="SECONDS", type=int, help=f"So often it is looked at ({_DEFAULTS}).")
@shared_options
@click.pass_obj
def add(
    cli: Cli, name: str, kind: str, location: str, profile: str, threshold: int | None, every: int | None
) -> None:  # fmt: skip
    """Take rows from a place from now on. Adding the same source twice changes nothing.

    Folders and files must be below DISPATCH_SOURCE_FOLDERS. Profile and secret of a webhook stand in
    DISPATCH_WEBHOOK_SENDERS; as a source it can be paused, and shows what came.

    \b
    Examples:
      dispatch source add letters --kind folder --location /srv/in/letters
      dispatch source add prices --kind file --location /srv/in/prices.xlsx --every 300
      dispatch source add crm --kind http --location https://crm.example.com/jobs.csv --threshold 5
      dispatch source add shop --kind webhook
    """
    with cli.open_app() as app:
        new = NewSource(
            name=name,
            kind=SourceKind(kind),
            location=location,
            profile=profile,
            error_threshold_percent=app.settings.error_threshold_percent if threshold is None else threshold,
            every_s=every,
        )
        is_new = app.sources.add(new, who())
        row = source_row(app.ledger, app.source_looks, name)
    if cli.as_json:
        print_json({"recorded": is_new, "source": row})
        return
    _say(row, is_new=is_new)


def _say(row: SourceRow, *, is_new: bool) -> None:
    console = out()
    if not is_new:
        console.print(f"Source {row.name} was added before, just so. Nothing was done.")
    elif row.kind is SourceKind.WEBHOOK:
        console.print(f"Source {row.name} may send signed messages to /v1/intake/{row.name}.", markup=False)
    else:
        console.print(f"Source {row.name} is looked at every {row.every_s:,} s.", markup=False)
