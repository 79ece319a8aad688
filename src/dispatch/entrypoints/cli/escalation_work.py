"""`dispatch escalation next|assign|snooze|retry|cancel`: working off what waits for a person."""

from datetime import datetime, timedelta

import rich_click as click

from dispatch.application.ports.clock import utc_now
from dispatch.application.why import why
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.cli.answers import say_recorded
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.escalation_list import show_escalations
from dispatch.entrypoints.cli.ids import find_job
from dispatch.entrypoints.cli.options import as_time, shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json

REASON = "Why; it is kept in the ledger, so no personal data."


@click.command("next")
@shared_options
@click.pass_obj
def next_one(cli: Cli) -> None:
    """The most urgent job that nobody has: what it is, why it is there, and what can be done.

    \b
    Examples:
      dispatch escalation next
      dispatch escalation next --json | jq -r .job_id
    """
    with cli.open_app() as app:
        _show_next(cli, app, None)


@click.command()
@click.argument("job", metavar="JOB")
@click.option("--to", metavar="NAME", help="Who; without it you take it yourself, and nobody has it with an empty one.")
@shared_options
@click.pass_obj
def assign(cli: Cli, job: str, to: str | None) -> None:
    """Give a job to somebody, or take it yourself. The level's time begins anew.

    \b
    Examples:
      dispatch escalation assign 3f2b8c1e:7
      dispatch escalation assign 3f2b8c1e:7 --to eve
      dispatch escalation assign 3f2b8c1e:7 --to ""
    """
    whom = who() if to is None else to
    with cli.open_app() as app:
        job_id = find_job(app.queries, job).job_id
        events = app.desk.assign(job_id, whom, who())
    say_recorded(cli, job_id, events, f"is with {whom}" if whom else "is with nobody", "was so already")


@click.command()
@click.argument("job", metavar="JOB")
@click.option("--until", metavar="TIME", callback=as_time, help="Nobody is reminded before this time.")
@click.option("--hours", metavar="N", type=click.FloatRange(0, 24 * 365, min_open=True), help="The same, from now on.")
@click.option("--reason", metavar="TEXT", required=True, help=REASON)
@shared_options
@click.pass_obj
def snooze(cli: Cli, job: str, until: datetime | None, hours: float | None, reason: str) -> None:
    """Put a job off: until then it is in no list, and its level is not raised.

    \b
    Examples:
      dispatch escalation snooze 3f2b8c1e:7 --hours 4 --reason "the provider answers in the afternoon"
      dispatch escalation snooze 3f2b8c1e:7 --until 2026-11-30T09:00:00Z --reason "nobody is there before Monday"
    """
    if (until is None) == (hours is None):
        raise click.UsageError("say until when: either --until TIME or --hours N")
    then = until or utc_now() + timedelta(hours=hours or 0)
    with cli.open_app() as app:
        job_id = find_job(app.queries, job).job_id
        events = app.desk.snooze(job_id, then, who(), reason)
    say_recorded(cli, job_id, events, f"is put off until {then.isoformat()}", "was put off so already")


@click.command()
@click.argument("job", metavar="JOB")
@shared_options
@click.pass_obj
def retry(cli: Cli, job: str) -> None:
    """Send a job on: its stage is tried anew. Then the next one is shown. Doing it twice changes nothing.

    \b
    Examples:
      dispatch escalation retry 3f2b8c1e:7
    """
    with cli.open_app() as app:
        job_id = find_job(app.queries, job).job_id
        events = app.desk.resume(job_id, who())
        say_recorded(cli, job_id, events, "is on its way again", "was on its way already")
        _show_next(cli, app, job_id)


@click.command()
@click.argument("job", metavar="JOB")
@click.option("--reason", metavar="TEXT", required=True, help=REASON)
@shared_options
@click.pass_obj
def cancel(cli: Cli, job: str, reason: str) -> None:
    """End a job that was not sent, for good. Then the next one is shown. Doing it twice changes nothing.

    \b
    Examples:
      dispatch escalation cancel 3f2b8c1e:7 --reason "customer moved"
    """
    with cli.open_app() as app:
        job_id = find_job(app.queries, job).job_id
        events = app.desk.cancel(job_id, who(), reason)
        say_recorded(cli, job_id, events, "is cancelled", "was cancelled already")
        _show_next(cli, app, job_id)


def _show_next(cli: Cli, app: App, after: str | None) -> None:
    """The most urgent one that nobody has, but for the one just dealt with: the view may not have seen that yet."""
    if after and cli.as_json:
        return  # One answer to one command.
    rows = [row for row in app.queries.escalations(limit=2, assignee="", snoozed=False) if row.job_id != after]
    if not rows:
        if cli.as_json:
            print_json(None)
        else:
            notes().print("Nothing waits for a person.")
        return
    found = rows[0]
    explained = why(app.ledger, found.job_id)
    if cli.as_json:
        print_json(explained)
        return
    show_escalations(out(), [found])
    out().print(f"why   {explained.why}\nnext  {explained.next}", soft_wrap=True)
