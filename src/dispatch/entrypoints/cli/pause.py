"""`dispatch pause`, `dispatch resume` and `dispatch pauses`."""

import re
from datetime import UTC, datetime, timedelta

import rich_click as click
from rich.markup import escape

from dispatch.domain.control.events import PauseScope
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import as_time, shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json, print_lines, table
from dispatch.entrypoints.cli.words import age

SCOPES = {scope.value: scope for scope in PauseScope if scope is not PauseScope.EVERYTHING} | {
    "all": PauseScope.EVERYTHING
}
UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LENGTH = re.compile(r"([1-9]\d{0,5})([smhd])", re.ASCII)

target = click.argument("scope", type=click.Choice(list(SCOPES)))
named = click.argument("name", metavar="[NAME]", default="")


def _as_length(_: click.Context, __: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    found = LENGTH.fullmatch(value)
    if not found:
        raise click.BadParameter(f"{value!r} is no length: write 90s, 15m, 2h or 3d")
    return timedelta(seconds=int(found[1]) * UNITS_S[found[2]])


@click.command()
@target
@named
@click.option("--reason", metavar="TEXT", default="", help="Why; kept in the ledger: no personal data.")
@click.option("--until", metavar="TIME", callback=as_time, help="Goes on by itself then: ISO 8601, UTC by default.")
@click.option(
    "--for", "length", metavar="LENGTH", callback=_as_length, help="Goes on by itself after 90s, 15m, 2h, 3d."
)
@shared_options
@click.pass_obj
def pause(cli: Cli, scope: str, name: str, reason: str, until: datetime | None, length: timedelta | None) -> None:
    """Take up nothing of a stage, a provider, a batch, the intake, or everything (`all`).

    What is in hand is finished. Nothing is lost and no attempt is spent. `batch` holds up its jobs, not its intake;
    `all` holds up the intake too. Doing it twice changes nothing; with another reason or end, those count from then on.

    \b
    Examples:
      dispatch pause stage verify --reason "their maintenance" --for 2h
      dispatch pause batch 3f2b8c1e
      dispatch pause all --until 2026-12-01T06:00
    """
    if until is not None and length is not None:
        raise click.UsageError("give --until or --for, not both")
    if length is not None:
        until = datetime.now(UTC) + length
    with cli.open_app() as app:
        name = _whole(app, scope, name)
        is_new = app.control.pause(SCOPES[scope], name, by=who(), reason=reason, until=until)
    done = f"paused until {until:%Y-%m-%d %H:%M:%S} UTC" if until else "paused"
    _answer(cli, scope, name, done, is_new=is_new)


@click.command()
@target
@named
@shared_options
@click.pass_obj
def resume(cli: Cli, scope: str, name: str) -> None:
    """Go on with what was paused. Other pauses that hold up the same jobs stay. Doing it twice changes nothing.

    \b
    Examples:
      dispatch resume stage verify
      dispatch resume all
    """
    with cli.open_app() as app:
        name = _whole(app, scope, name)
        is_new = app.control.resume(SCOPES[scope], name, by=who())
    _answer(cli, scope, name, "not paused", is_new=is_new)


@click.command()
@click.option("--ended", is_flag=True, help="Also the last pause of what runs again.")
@shared_options
@click.pass_obj
def pauses(cli: Cli, ended: bool) -> None:
    """What is paused, by whom, why and until when.

    \b
    Examples:
      dispatch pauses
      dispatch pauses --json | jq -r .key
    """
    with cli.open_app() as app:
        rows = app.control.book.pauses(ended=ended)
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("Nothing is paused.")
        return
    shown = table("paused", "by", "for", "until (UTC)", "reason", "resumed by", right=("for",))
    for row in rows:
        until = f"{row.until:%Y-%m-%d %H:%M:%S}" if row.until else "resumed"
        shown.add_row(row.key, escape(row.by), age(row.since), until, escape(row.reason), escape(row.resumed_by))
    out().print(shown)


def _whole(app: App, scope: str, name: str) -> str:
    """The name as it is recorded: of a batch its whole id."""
    if scope == PauseScope.BATCH.value:
        if not name:
            raise Refused("pause_target_invalid", "no batch is named", "NAME", "see `dispatch batch list`")
        return find_batch(app.queries, name).batch_id
    return name


def _answer(cli: Cli, scope: str, name: str, done: str, *, is_new: bool) -> None:
    if cli.as_json:
        print_json({"scope": SCOPES[scope].value, "name": name, "recorded": is_new})
    else:
        what = f"{scope} {name}".strip().capitalize()
        out().print(f"{what} is {done}{'' if is_new else ': it was so before'}.", markup=False)
