"""`dispatch failures list` and `show`: the groups of failures, and the dead letters of one."""

import re

import msgspec
import rich_click as click
from rich.markup import escape

from dispatch.application.ports.failures import FailureGroup, Failures
from dispatch.domain.replay.events import Selection
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import facts, notes, out, print_json, print_lines, table
from dispatch.entrypoints.cli.words import age

STYLES = {"critical": "bold red", "error": "yellow", "warning": ""}
_HEX = re.compile(r"[0-9a-f]{1,12}", re.ASCII)


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Also groups of which nothing is open.")
@limit_option(100)
@shared_options
@click.pass_obj
def list_failures(cli: Cli, everything: bool, limit: int) -> None:
    """Groups of failures, those with most open jobs first. No personal data.

    \b
    Examples:
      dispatch failures list
      dispatch failures list --json | jq -r 'select(.severity == "critical") | .fingerprint'
    """
    with cli.open_app() as app:
        groups = app.failures.groups(only_open=not everything, limit=limit)
    if cli.as_json:
        print_lines(groups)
        return
    if not groups:
        notes().print("Nothing has failed for good." if everything else "No dead letter is open.")
        return
    right = ("open", "total", "last seen")
    shown = table("group", "severity", "stage", "provider", "code", "message", *right, right=right)
    for group in groups:
        shown.add_row(
            group.fingerprint,
            group.severity.value,
            escape(group.stage),
            escape(group.provider),
            escape(group.code),
            escape(group.message),
            f"{group.open:,}",
            f"{group.total:,}",
            f"{age(group.last_seen)} ago",
            style=STYLES[group.severity.value],
        )
    out().print(shown)
    notes().print("What could be done: dispatch failures retry FINGERPRINT --dry-run", markup=False)


@click.command()
@click.argument("fingerprint", metavar="FINGERPRINT")
@limit_option(20)
@shared_options
@click.pass_obj
def show(cli: Cli, fingerprint: str, limit: int) -> None:
    """One group and its open dead letters, in the order in which the jobs were opened.

    \b
    Examples:
      dispatch failures show 3f2b8c
      dispatch failures show 3f2b8c --json | jq -r '.dead_letters[].job_id'
    """
    with cli.open_app() as app:
        group = find_group(app.failures, fingerprint)
        letters = app.failures.dead_letters(Selection(fingerprint=group.fingerprint), limit=limit)
    if cli.as_json:
        print_json(msgspec.structs.asdict(group) | {"dead_letters": letters})
        return
    out().print(
        facts(
            {
                "group": f"{group.fingerprint} ({group.severity.value})",
                "stage": group.stage,
                "provider": group.provider or "not told",
                "code": group.code,
                "message": group.message or "not told",
                "open": f"{group.open:,} of {group.total:,}",
                "first seen": f"{group.first_seen:%Y-%m-%d %H:%M:%S} UTC",
                "last seen": f"{group.last_seen:%Y-%m-%d %H:%M:%S} UTC, {age(group.last_seen)} ago",
            }
        ),
        soft_wrap=True,
    )
    if letters:
        shown = table("job", "batch", "failed for good", right=("failed for good",))
        for letter in letters:
            shown.add_row(letter.job_id, letter.batch_id[:8], f"{age(letter.escalated_at)} ago")
        out().print(shown)
        if group.open > len(letters):
            notes().print(f"The first {len(letters):,} of {group.open:,}: --limit")


def find_group(failures: Failures, text: str) -> FailureGroup:
    """The group that the text means. Raises Refused: `failure_unknown`, `failure_ambiguous`."""
    beginning, fix = text.strip().lower(), "list them with `dispatch failures list --all`"
    found = failures.fingerprints(beginning) if _HEX.fullmatch(beginning) else []
    if len(found) > 1 and beginning not in found:
        raise Refused("failure_ambiguous", "more than one fingerprint begins so", text, "write more of it")
    group = failures.group(beginning if beginning in found else found[0]) if found else None
    if group is None:
        raise Refused("failure_unknown", "there is no such group of failures", text, fix)
    return group
