"""`dispatch notify list`: messages and where they stand."""

from datetime import datetime

import rich_click as click
from rich.markup import escape

from dispatch.application.ports.providers import Channel
from dispatch.domain.job.state import JobStatus
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import as_time, limit_option, shared_options
from dispatch.entrypoints.cli.output import notes, out, print_lines, table
from dispatch.entrypoints.cli.words import age


@click.command("list")
@click.option("--status", type=click.Choice([status.value for status in JobStatus]), help="Only in this state.")
@click.option("--channel", type=click.Choice([channel.value for channel in Channel]), help="Only of this channel.")
@click.option(
    "--since", metavar="TIME", callback=as_time, help="Only those taken since (ISO 8601, UTC unless it says)."
)
@limit_option(50)
@shared_options
@click.pass_obj
def list_notifications(cli: Cli, status: str | None, channel: str | None, since: datetime | None, limit: int) -> None:
    """Messages, newest first. What they say, and to whom, is not shown.

    \b
    Examples:
      dispatch notify list --channel sms --limit 10
      dispatch notify list --status escalated --json | jq -r .notificationId
    """
    with cli.open_app() as app:
        wanted = JobStatus(status) if status else None
        rows = app.notifications.queries.listed(status=wanted, channel=channel or "", since=since, limit=limit)
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("No such notifications. Send one: dispatch notify send message.json")
        return
    shown = table("notification", "channel", "kind", "priority", "status", "stage", "error", "taken", right=("taken",))
    for row in rows:
        shown.add_row(
            row.notification_id,
            row.channel,
            escape(row.kind),
            row.priority.value,
            row.status.value,
            row.stage,
            escape(row.error_code),
            f"{age(row.created_at)} ago",
        )
    out().print(shown)
    if len(rows) == limit:
        notes().print(f"The newest {limit:,}; there may be more: --limit")
