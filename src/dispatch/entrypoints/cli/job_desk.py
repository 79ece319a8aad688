"""`dispatch job resume`, `settle` and `cancel`: what a person may do to a job."""

import rich_click as click

from dispatch.entrypoints.cli.answers import say_recorded
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.ids import find_job
from dispatch.entrypoints.cli.options import shared_options


@click.command()
@click.argument("job", metavar="JOB")
@shared_options
@click.pass_obj
def resume(cli: Cli, job: str) -> None:
    """Send an escalated job on: its stage is tried anew. Doing it twice changes nothing.

    \b
    Examples:
      dispatch job resume 3f2b8c1e:7
      dispatch job list --status escalated --json | jq -r .job_id | xargs -n1 dispatch job resume
    """
    with cli.open_app() as app:
        job_id = find_job(app.queries, job).job_id
        events = app.desk.resume(job_id, who())
    say_recorded(cli, job_id, events, "is on its way again", "was on its way already")


@click.command()
@click.argument("job", metavar="JOB")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it is kept in the ledger, so no personal data.")
@shared_options
@click.pass_obj
def cancel(cli: Cli, job: str, reason: str) -> None:
    """End a job that was not sent yet, for good. Doing it twice changes nothing.

    \b
    Examples:
      dispatch job cancel 3f2b8c1e:7 --reason "customer moved"
    """
    with cli.open_app() as app:
        job_id = find_job(app.queries, job).job_id
        events = app.desk.cancel(job_id, who(), reason)
    say_recorded(cli, job_id, events, "is cancelled", "was cancelled already")


@click.command()
@click.argument("job", metavar="JOB")
@click.option("--sent/--not-sent", "happened", default=None, help="What the provider says happened.")
@click.option("--note", metavar="TEXT", required=True, help="How you know; kept in the ledger, so no personal data.")
@shared_options
@click.pass_obj
def settle(cli: Cli, job: str, happened: bool | None, note: str) -> None:
    """Say whether a message was sent, for a job given up as `outcome_unknown`. Doing it twice changes nothing.

    Sent: its stage is completed and never done again. Not sent: the stage is tried anew.

    \b
    Examples:
      dispatch job settle 3f2b8c1e:7 --sent --note "their log has it, 14:03"
      dispatch job settle 3f2b8c1e:7 --not-sent --note "not in their log"
    """
    if happened is None:  # Never taken for granted: the wrong answer sends twice, or never.
        raise click.UsageError("say what happened: --sent or --not-sent")
    with cli.open_app() as app:
        job_id = find_job(app.queries, job).job_id
        events = app.desk.settle(job_id, who(), note, happened=happened)
    done = "is settled as sent" if happened else "is on its way again"
    say_recorded(cli, job_id, events, done, "was settled already")
