"""`dispatch escalation`: what waits for a person."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import limit_option, shared_options


@click.group()
def escalation() -> None:
    """What waits for a person, and since when.

    \b
    Examples:
      dispatch escalation list
      dispatch job show 019aaf6c-1c00-83f2-8c1e-7a4d00000007
    """


@escalation.command("list")
@limit_option(100)
@shared_options
@click.pass_obj
def list_escalations(cli: Cli, limit: int) -> None:
    """Jobs before a person, the oldest first; HIGH after 24 hours, CRITICAL after 48.

    \b
    Examples:
      dispatch escalation list
      dispatch escalation list --json | jq -r 'select(.priority == "CRITICAL") | .job_id'
    """
    from dispatch.entrypoints.cli.output import notes, out, print_lines, table
    from dispatch.entrypoints.cli.words import age, short_ids

    with cli.open_app() as app:
        rows = app.queries.escalations(limit=limit)
    if cli.as_json:
        print_lines(rows)
        return
    if not rows:
        notes().print("Nothing waits for a person.")
        return
    short = short_ids([row.batch_id for row in rows])
    shown = table("priority", "job", "batch", "stage", "reason", "since", right=("since",))
    styles = {"CRITICAL": "bold red", "HIGH": "yellow"}
    for row in rows:
        since = f"{age(row.opened_at)} ago"
        style = styles.get(row.priority)
        shown.add_row(row.priority, row.job_id, short[row.batch_id], row.stage, row.reason, since, style=style)
    out().print(shown)
    notes().print("Send one on: dispatch job resume JOB; end it: dispatch job cancel JOB --reason TEXT")
