"""`dispatch ledger export`: entries as they are stored, with all that proves them."""

from pathlib import Path

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.ledger_verify import progress_bar
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, print_json


@click.command()
@click.option("--from", "first", metavar="POSITION", type=click.IntRange(0), default=0, help="The first one.")
@click.option("--to", "last", metavar="POSITION", type=click.IntRange(1), help="The last one.")
@click.option(
    "--out",
    "out_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Where to write it.",
)
@click.option(
    "--against",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Prove it against this checkpoint, which somebody has kept, instead of the newest one.",
)
@shared_options
@click.pass_obj
def export(cli: Cli, first: int, last: int | None, out_file: Path, against: Path | None) -> None:
    """Write the sealed events of a range as NDJSON, with the checkpoints over them and what ties them to the whole.

    The events are written as they are stored, unmasked. Events that are not sealed yet are left out. Check the file
    with: python dispatch_verify.py export FILE --key KEY --checkpoint KEPT

    \b
    Examples:
      dispatch ledger export --out ledger.ndjson
      dispatch ledger export --from 1 --to 100000 --out first.ndjson
      dispatch ledger export --from 1 --to 100000 --against kept.txt --out first.ndjson
    """
    note = against.read_text(encoding="utf-8") if against else None
    with cli.open_app() as app, progress_bar("writing", hidden=cli.as_json) as on_progress:
        count = app.sealing.evidence.export(out_file, first, last, on_progress, against=note)
    if cli.as_json:
        print_json({"events": count, "file": str(out_file)})
    else:
        notes().print(f"{count:,} events written to {out_file}", markup=False)
