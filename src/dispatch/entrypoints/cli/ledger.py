"""`dispatch ledger`: the audit log itself, and the evidence that it is as it was recorded."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "tail": (f"{HERE}.ledger_read:tail", "The newest events; with --follow the next ones, too."),
        "show": (f"{HERE}.ledger_read:show", "One event, with who caused it and why."),
        "search": (f"{HERE}.ledger_read:search", "Events by job, batch, name, actor, command, time and position."),
        "verify": (f"{HERE}.ledger_verify:verify", "Hash every event, and compare with all that was signed."),
        "checkpoint": (f"{HERE}.ledger_checkpoint:checkpoint", "The newest signed checkpoint."),
        "prove": (f"{HERE}.ledger_proofs:prove", "A proof that one event is in the ledger, for others to check."),
        "consistency": (f"{HERE}.ledger_proofs:consistency", "A proof that one checkpoint only adds to another."),
        "export": (f"{HERE}.ledger_export:export", "The sealed events as NDJSON, with all that proves them."),
        "rotate-key": (f"{HERE}.ledger_checkpoint:rotate_key", "Sign with a new key, which the old one vouches for."),
    },
)
def ledger() -> None:
    """The audit log itself, and the evidence that it is as it was recorded.

    Exported checkpoints, proofs and exports are checked without dispatch by the one file dispatch_verify.py.

    \b
    Examples:
      dispatch ledger tail --follow
      dispatch ledger verify
      dispatch ledger prove 4711 --out 4711.tlog-proof
    """
