"""`dispatch ledger checkpoint | rotate-key`: what was signed last, and the key that signs."""

import sys

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, print_json


@click.command()
@click.option("--sign-now", is_flag=True, help="Seal what is recorded, sign, and copy it out of the database, now.")
@shared_options
@click.pass_obj
def checkpoint(cli: Cli, sign_now: bool) -> None:
    """The newest signed checkpoint, as it is (C2SP tlog-checkpoint): keep it where nobody here can change it.

    \b
    Examples:
      dispatch ledger checkpoint > kept/2026-11-23.txt
      dispatch ledger checkpoint --sign-now --json
    """
    with cli.open_app() as app:
        if sign_now:
            app.sealing.sign_now()
        latest = app.sealing.evidence.latest()
    if latest is None:
        fix = "run the role `sealer`, or add --sign-now"
        raise Refused("nothing_sealed", "nothing of this ledger is sealed yet", "ledger", fix)
    if cli.as_json:
        print_json(latest)
    else:
        sys.stdout.write(latest.note)


@click.command("rotate-key")
@shared_options
@click.pass_obj
def rotate_key(cli: Cli) -> None:
    """Sign with a new key from now on. The old key signs the new one, and is then destroyed.

    What the old key signed stays good: verifiers that know one of the keys follow DATA/checkpoints/rotations.txt. Give
    auditors the new public key, which is printed.

    \b
    Examples:
      dispatch ledger rotate-key
      dispatch ledger rotate-key --json
    """
    with cli.open_app() as app:
        public_key = app.sealing.rotate_key()
    if cli.as_json:
        print_json({"public_key": public_key})
        return
    sys.stdout.write(f"{public_key}\n")
    notes().print("The sealer signs with it from its next checkpoint on.")
