"""`dispatch ledger prove | consistency`: proofs that others check without dispatch."""

import sys
from pathlib import Path

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, print_json

out_option = click.option(
    "--out",
    "out_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it to this file; without, to the standard output.",
)


@click.command()
@click.argument("event", metavar="POSITION|EVENT")
@out_option
@shared_options
@click.pass_obj
def prove(cli: Cli, event: str, out_file: Path | None) -> None:
    """A proof that one event is in the newest checkpoint (C2SP tlog-proof). EVENT is STREAM:VERSION.

    The proof holds the event as it is stored. Check it with: python dispatch_verify.py proof FILE --key KEY

    \b
    Examples:
      dispatch ledger prove 4711 --out 4711.tlog-proof
      dispatch ledger prove 019aaf6c-1c00-83f2-8c1e-7a4d00000007:1
    """
    with cli.open_app() as app:
        position = app.sealing.evidence.find(event)
        proof = app.sealing.evidence.prove(position)
    _answer(cli, proof, out_file, {"position": position})


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@out_option
@shared_options
@click.pass_obj
def consistency(cli: Cli, first: str, second: str, out_file: Path | None) -> None:
    """A proof that checkpoint B only adds to checkpoint A. Each is a size in events, or a file with a checkpoint.

    Check it with: python dispatch_verify.py consistency FILE --key KEY

    \b
    Examples:
      dispatch ledger consistency 4096 8192
      dispatch ledger consistency kept/2026-11-23.txt DATA/checkpoints/latest.txt --out grown.json
    """
    with cli.open_app() as app:
        proof = app.sealing.evidence.consistency(_checkpoint(first), _checkpoint(second))
    _answer(cli, proof, out_file, {"first": first, "second": second})


def _checkpoint(text: str) -> int | str:
    if text.isascii() and text.isdigit():
        return int(text)
    path = Path(text)
    if not path.is_file():
        raise click.UsageError(f"{text} is neither a size in events nor a file with a checkpoint.")
    return path.read_text(encoding="utf-8")


def _answer(cli: Cli, proof: str, out_file: Path | None, known: dict[str, object]) -> None:
    if out_file is not None:
        out_file.write_text(proof, encoding="utf-8")
    if cli.as_json:
        print_json({**known, "proof": proof, "file": None if out_file is None else str(out_file)})
    elif out_file is None:
        sys.stdout.write(proof)
    else:
        notes().print(f"Written to {out_file}", markup=False)
