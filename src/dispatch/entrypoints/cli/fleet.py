"""`dispatch processes` and `dispatch scale`: who is there, and how many there are to be."""

import time
from datetime import UTC, datetime

import rich_click as click
from click.exceptions import Exit
from rich.markup import escape

from dispatch.application.fleet import FleetDesk, RoleCount
from dispatch.domain.fleet.decide import PROCESSES_MAX
from dispatch.domain.fleet.events import Scalable
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json, print_lines, table
from dispatch.entrypoints.cli.words import age, duration

LOOK_EVERY_S = 0.2


@click.command()
@shared_options
@click.pass_obj
def processes(cli: Cli) -> None:
    """The processes of the system on all machines: their roles, since when they run, and when they were seen last.

    Each says every two seconds that it is there. One that was killed is missing after ten seconds; one that was told to
    stop is draining until it has finished what it has in hand.

    \b
    Examples:
      dispatch processes
      dispatch processes --json | jq -r 'select(.draining) | .pid'
    """
    with cli.open_app() as app:
        rows = app.processes.present()
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("No process is there.")
        return
    shown = table("roles", "host", "pid", "for", "seen", "state", right=("pid", "for", "seen"))
    now = datetime.now(UTC)
    for row in rows:
        seen = duration(max(0.0, (now - row.seen_at).total_seconds()))
        state = "draining" if row.draining else "working"
        shown.add_row(", ".join(row.roles), escape(row.host), str(row.pid), age(row.started_at), seen, state)
    out().print(shown)


@click.command()
@click.argument("role", type=click.Choice([role.value for role in Scalable]))
@click.argument("number", metavar="PROCESSES", type=click.IntRange(0, PROCESSES_MAX))
@click.option("--reason", metavar="TEXT", default="", help="Why; kept in the ledger: no personal data.")
@click.option(
    "--wait", "wait_s", metavar="SECONDS", type=click.FloatRange(0, 3600), default=0.0, help="Until it is so."
)
@shared_options
@click.pass_obj
def scale(cli: Cli, role: str, number: int, reason: str, wait_s: float) -> None:
    """Let a running `dispatch up` have so many processes of a role; those too many finish what they have in hand.

    It counts until the system is started again, which begins with the numbers of its settings. With --wait the exit
    code is 1 where it is not so in time. In containers nobody listens to this: scale those.

    \b
    Examples:
      dispatch scale worker 4 --reason "the quarter's files" --wait 30
      dispatch scale intake 1
      dispatch scale worker 0
    """
    with cli.open_app() as app:
        app.fleet.scale(Scalable(role), number, by=who(), reason=reason)
        reached = _wait(app.fleet, role, number, wait_s) if wait_s else None
    if cli.as_json:
        print_json({"role": role, "processes": number, "reached": reached})
    elif reached is None:
        out().print(f"{role}: {number} asked for; `dispatch processes` shows when they are there.", markup=False)
    else:
        out().print(f"{role}: {number} {'are there' if reached else 'asked for, and not there yet'}.", markup=False)
    if reached is False:
        raise Exit(1)


def _wait(desk: FleetDesk, role: str, number: int, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while not _reached(desk.count(), role, number):
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _reached(counts: list[RoleCount], role: str, number: int) -> bool:
    here = next((count for count in counts if count.role == role), None)
    return (here.running, here.draining) == (number, 0) if here else number == 0
