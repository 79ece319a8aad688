"""`dispatch failures retry`, `drop`, `archive` and `reroute`: one thing done to many dead letters."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import rich_click as click

from dispatch.application.replays import ReplayAsked, ReplayPreview
from dispatch.domain.replay.events import ReplayAction, Selection
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.failures_report import follow, show_replay
from dispatch.entrypoints.cli.failures_show import find_group
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import as_time, shared_options
from dispatch.entrypoints.cli.output import facts, out, print_json

F = TypeVar("F", bound=Callable[..., Any])

WHY = "Why; it is kept in the ledger, so no personal data."


def replay_options(command: F) -> F:
    """Which dead letters, and how."""
    options = [
        click.argument("fingerprint", metavar="[FINGERPRINT]", required=False, default=""),
        click.option("--stage", metavar="STAGE", default="", help="Only those that failed at this stage."),
        click.option("--code", metavar="CODE", default="", help="Only those with this error code."),
        click.option("--batch", metavar="BATCH", default="", help="Only those of this batch."),
        click.option("--since", metavar="TIME", callback=as_time, help="Only those that failed for good since then."),
        click.option("--rate", metavar="N", type=float, default=100.0, show_default=True, help="Jobs a second."),
        click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing."),
        click.option("--yes", is_flag=True, help="Do not ask first."),
        click.option("--wait", is_flag=True, help="Wait until it is done, with a bar."),
    ]
    for option in reversed(options):
        command = option(command)
    return shared_options(command)


@click.command()
@replay_options
@click.option("--reason", metavar="TEXT", default="", help=WHY)
@click.pass_obj
def retry(cli: Cli, /, reason: str, **which: Any) -> None:  # noqa: ANN401 - the shared options
    """Send dead letters on: each one's stage is tried anew, with a new count of attempts.

    \b
    Examples:
      dispatch failures retry 3f2b8c --dry-run
      dispatch failures retry 3f2b8c --rate 20 --wait
      dispatch failures retry --stage enrich --since 2026-11-23T09:00 --yes
    """
    _replay(cli, ReplayAction.RETRY, reason, **which)


@click.command()
@replay_options
@click.option("--reason", metavar="TEXT", required=True, help=WHY)
@click.pass_obj
def drop(cli: Cli, /, reason: str, **which: Any) -> None:  # noqa: ANN401 - the shared options
    """Cancel dead letters, for good. Jobs that were sent stay as they are, and the report says so.

    \b
    Examples:
      dispatch failures drop 3f2b8c --reason "no such contacts" --dry-run
      dispatch failures drop --batch 5a6b7c --code no_such_mailbox --reason "old list" --yes
    """
    _replay(cli, ReplayAction.DROP, reason, **which)


@click.command()
@replay_options
@click.option("--reason", metavar="TEXT", required=True, help=WHY)
@click.pass_obj
def archive(cli: Cli, /, reason: str, **which: Any) -> None:  # noqa: ANN401 - the shared options
    """Put dead letters aside, for good, sent or not: they count as exceptions of their batches.

    \b
    Examples:
      dispatch failures archive 3f2b8c --reason "told by phone"
      dispatch failures archive 3f2b8c --reason "told by phone" --yes --wait --json | jq .results
    """
    _replay(cli, ReplayAction.ARCHIVE, reason, **which)


@click.command()
@replay_options
@click.option("--to", "stage_to", metavar="STAGE", required=True, help="The stage of their route to go on at.")
@click.option("--reason", metavar="TEXT", required=True, help=WHY)
@click.pass_obj
def reroute(cli: Cli, /, reason: str, stage_to: str, **which: Any) -> None:  # noqa: ANN401 - the shared options
    """Have dead letters go on at another stage of their route. Consent and sending cannot be skipped.

    \b
    Examples:
      dispatch failures reroute 3f2b8c --to clear --reason "the verifier is down" --dry-run
      dispatch failures reroute --stage verify --to enrich --reason "wrong addresses were found" --yes
    """
    _replay(cli, ReplayAction.REROUTE, reason, stage_to=stage_to, **which)


def _replay(
    cli: Cli,
    action: ReplayAction,
    reason: str,
    *,
    fingerprint: str,
    stage: str,
    code: str,
    batch: str,
    since: datetime | None,
    rate: float,
    dry_run: bool,
    yes: bool,
    wait: bool,
    stage_to: str = "",
) -> None:
    with cli.open_app() as app:
        selection = Selection(
            fingerprint=find_group(app.failures, fingerprint).fingerprint if fingerprint else "",
            stage=stage,
            code=code,
            batch_id=find_batch(app.queries, batch).batch_id if batch else "",
            since=since,
        )
        if selection.is_everything:
            raise click.UsageError("say which: a FINGERPRINT, or --stage, --code, --batch or --since")
        asked = ReplayAsked(action=action, selection=selection, reason=reason.strip(), per_second=rate, stage=stage_to)
        preview = app.replays.preview(asked)
        if dry_run:
            _answer(cli, {"dry_run": True, "preview": preview}, preview)
            return
        if not cli.as_json:
            _show(preview)
        if not yes:
            question = f"{action.value.capitalize()} {preview.results.get('done', 0):,} of {preview.counted:,} jobs?"
            click.confirm(question, abort=True, err=True)
        requested = app.replays.request(asked, who())
        row = follow(cli, app.failures, requested.replay_id) if wait else None
    if cli.as_json:
        print_json(row or {"replay_id": requested.replay_id, "counted": requested.counted})
    elif row is not None:
        show_replay(row)
    else:
        out().print(f"On its way: dispatch failures replay {requested.replay_id[:8]} --wait", markup=False)


def _answer(cli: Cli, answer: dict[str, Any], preview: ReplayPreview) -> None:
    if cli.as_json:
        print_json(answer)
    else:
        _show(preview)


def _show(preview: ReplayPreview) -> None:
    known = {"jobs": f"{preview.counted:,}", "takes": f"{preview.takes_s:,.0f} s at this rate"}
    known |= {f"would be {result}": f"{count:,}" for result, count in sorted(preview.results.items())}
    out().print(facts(known), soft_wrap=True)
