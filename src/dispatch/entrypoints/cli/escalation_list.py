"""`dispatch escalation list`: jobs before a person."""

from collections.abc import Sequence

import rich_click as click
from rich.console import Console

from dispatch.application.ports.queries import EscalationRow
from dispatch.domain.batch.desk import LEVELS
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import notes, out, print_lines, table
from dispatch.entrypoints.cli.words import age, short_ids

PRIORITIES = ("CRITICAL", "HIGH", "NORMAL")
STYLES = {"CRITICAL": "bold red", "HIGH": "yellow"}


@click.command("list")
@click.option("--mine", is_flag=True, help="Only those that you have.")
@click.option("--free", is_flag=True, help="Only those that nobody has.")
@click.option("--level", type=click.IntRange(1, LEVELS), help="Only those of this level.")
@click.option("--priority", type=click.Choice(PRIORITIES, case_sensitive=False), help="Only those of this priority.")
@click.option("--snoozed", is_flag=True, help="Those that are put off to a later time, which are left out otherwise.")
@limit_option(100)
@shared_options
@click.pass_obj
def list_escalations(
    cli: Cli, mine: bool, free: bool, level: int | None, priority: str | None, snoozed: bool, limit: int
) -> None:
    """Jobs before a person, the oldest first; HIGH after 24 hours, CRITICAL after 48.

    \b
    Examples:
      dispatch escalation list
      dispatch escalation list --free --level 2
      dispatch escalation list --json | jq -r 'select(.priority == "CRITICAL") | .job_id'
    """
    if mine and free:
        raise click.UsageError("either --mine or --free: what you have, somebody has")
    assignee = who() if mine else "" if free else None
    with cli.open_app() as app:
        rows = app.queries.escalations(limit=limit, assignee=assignee, level=level, priority=priority, snoozed=snoozed)
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("Nothing waits for a person.")
        return
    show_escalations(out(), rows)
    notes().print("Work them off: dispatch escalation next; send one on: dispatch escalation retry JOB")


def show_escalations(console: Console, rows: Sequence[EscalationRow]) -> None:
    """As a table."""
    short = short_ids([row.batch_id for row in rows])
    shown = table("priority", "level", "job", "batch", "stage", "reason", "who", "since", right=("level", "since"))
    for row in rows:
        shown.add_row(
            row.priority,
            str(row.level),
            row.job_id,
            short[row.batch_id],
            row.stage,
            row.reason,
            row.assignee,
            f"{age(row.opened_at)} ago",
            style=STYLES.get(row.priority),
        )
    console.print(shown)
