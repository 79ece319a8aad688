"""`dispatch failures replay`, `replays` and `stop`: how far a replay is, and what came of each job of it."""

import time
from uuid import UUID

import msgspec
import rich_click as click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dispatch.application.ports.failures import Failures, ReplayRow
from dispatch.domain.events import event_name
from dispatch.domain.replay.state import ReplayStatus
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import facts, notes, out, print_json, print_lines, table
from dispatch.entrypoints.cli.words import age

LOOK_EVERY_S = 0.25
ITEMS_PER_QUERY = 1_000


@click.command()
@click.argument("replay", metavar="REPLAY")
@click.option("--wait", is_flag=True, help="Wait until it has ended, with a bar.")
@click.option("--items", is_flag=True, help="Also what came of every job.")
@shared_options
@click.pass_obj
def replay(cli: Cli, replay: str, wait: bool, items: bool) -> None:
    """How far a replay is, and what came of its jobs. REPLAY is its id, or a unique beginning of it.

    \b
    Examples:
      dispatch failures replay 8d2c4f6a --wait
      dispatch failures replay 8d2c4f6a --items --json | jq '.items[] | select(.result != "done")'
    """
    with cli.open_app() as app:
        row = find_replay(app.failures, replay)
        if wait:
            row = follow(cli, app.failures, row.replay_id)
        report = msgspec.structs.asdict(row)
        if items:
            found, after = [], -1
            while page := app.failures.replay_items(row.replay_id, limit=ITEMS_PER_QUERY, after=after):
                found += page
                after = page[-1].number
            report["items"] = found
    if cli.as_json:
        print_json(report)
        return
    show_replay(row)
    if items:
        shown = table("number", "job", "result", right=("number",))
        for item in report["items"]:
            shown.add_row(f"{item.number + 1:,}", item.job_id, item.result or "to come")
        out().print(shown)


@click.command()
@limit_option(20)
@shared_options
@click.pass_obj
def replays(cli: Cli, limit: int) -> None:
    """The replays, the newest first.

    \b
    Examples:
      dispatch failures replays
      dispatch failures replays --json | jq 'select(.status == "running")'
    """
    with cli.open_app() as app:
        rows = app.failures.replays(limit=limit)
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("Nothing was replayed yet.")
        return
    shown = table("replay", "action", "status", "done", "of", "by", "asked for", right=("done", "of", "asked for"))
    for row in rows:
        counts = f"{row.done:,}", f"{row.counted:,}"
        asked = f"{age(row.requested_at)} ago"
        shown.add_row(row.replay_id[:8], row.action.value, row.status.value, *counts, row.requested_by, asked)
    out().print(shown)


@click.command()
@click.argument("replay", metavar="REPLAY")
@click.option("--reason", metavar="TEXT", default="", help="Why; it is kept in the ledger, so no personal data.")
@shared_options
@click.pass_obj
def stop(cli: Cli, replay: str, reason: str) -> None:
    """Do nothing more of a replay; what is done stays done. Doing it twice changes nothing.

    \b
    Examples:
      dispatch failures stop 8d2c4f6a --reason "the wrong group"
    """
    with cli.open_app() as app:
        replay_id = find_replay(app.failures, replay).replay_id
        events = app.replays.stop(replay_id, who(), reason)
    if cli.as_json:
        print_json({"replay_id": replay_id, "recorded": [event_name(event) for event in events]})
    else:
        out().print(f"Replay {replay_id} {'is stopped' if events else 'was stopped already'}.", soft_wrap=True)


def find_replay(failures: Failures, text: str) -> ReplayRow:
    """The replay that the text means. Raises Refused: `replay_unknown`, `replay_ambiguous`."""
    digits, fix = text.strip().lower().replace("-", ""), "list them with `dispatch failures replays`"
    is_id = bool(digits) and len(digits) <= len(UUID(int=0).hex) and set(digits) <= set("0123456789abcdef")
    found = failures.replay_ids(digits) if is_id else []
    if len(found) > 1:
        raise Refused("replay_ambiguous", "more than one replay id begins so", text, "write more of it")
    row = failures.replay(found[0]) if found else None
    if row is None:
        raise Refused("replay_unknown", "there is no such replay", text, fix)
    return row


def follow(cli: Cli, failures: Failures, replay_id: str) -> ReplayRow:
    """Look until it has ended, with a bar where somebody watches; a replay of this moment may show a little later."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes(), disable=cli.as_json) as progress:
        bar = progress.add_task("replay", total=None)
        while True:
            row = failures.replay(replay_id)
            if row is not None:
                progress.update(bar, description=row.action.value, completed=row.done, total=row.counted)
                if row.status is not ReplayStatus.RUNNING:
                    return row
            time.sleep(LOOK_EVERY_S)


def show_replay(row: ReplayRow) -> None:
    """The report of a replay, for people."""
    to = f" to {row.stage}" if row.stage else ""
    known = {
        "replay": f"{row.replay_id} ({row.status.value})",
        "action": f"{row.action.value}{to}, at most {row.per_second:g} a second",
        "asked for": f"{row.requested_at:%Y-%m-%d %H:%M:%S} UTC by {row.requested_by}",
        "jobs": f"{row.done:,} of {row.counted:,}",
    }
    known |= {f"  {result}": f"{count:,}" for result, count in sorted(row.results.items())}
    if row.reason:
        known["reason"] = row.reason
    if row.stopped_by:
        known["stopped"] = f"by {row.stopped_by}: {row.stop_reason or 'no reason given'}"
    out().print(facts(known), soft_wrap=True)
