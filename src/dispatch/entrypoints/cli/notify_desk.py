"""`dispatch notify show` and `dispatch notify cancel`: one message."""

from uuid import UUID

import rich_click as click
from rich.markup import escape

from dispatch.application.notifications.desk import NotificationDetail
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import facts, out, print_json, table


@click.command()
@click.argument("notification", metavar="NOTIFICATION")
@shared_options
@click.pass_obj
def show(cli: Cli, notification: str) -> None:
    """One message and everything that has happened to it, without what it says and to whom.

    \b
    Examples:
      dispatch notify show 01a21dd9-61aa-85f8-8a37-bafca21eb289
    """
    wanted = _id(notification)
    with cli.open_app() as app:
        detail = app.notifications.show(wanted)
    _answer(cli, detail)


@click.command()
@click.argument("notification", metavar="NOTIFICATION")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it is kept in the ledger, so no personal data.")
@shared_options
@click.pass_obj
def cancel(cli: Cli, notification: str, reason: str) -> None:
    """End a message that was not sent yet, for good. Doing it twice changes nothing.

    \b
    Examples:
      dispatch notify cancel 01a21dd9-61aa-85f8-8a37-bafca21eb289 --reason "moved to Friday"
    """
    wanted = _id(notification)
    with cli.open_app() as app:
        detail = app.notifications.cancel(wanted, who(), reason)
    _answer(cli, detail)


def _id(text: str) -> str:
    try:
        return str(UUID(text.strip()))
    except ValueError:
        fix = "take an id from `dispatch notify list`"
        raise Refused("notification_id_invalid", "this is no notification's id", text, fix) from None


def _answer(cli: Cli, detail: NotificationDetail) -> None:
    if cli.as_json:
        print_json(detail)
        return
    console = out()
    known = {
        "notification": detail.notification_id,
        "status": detail.status.value + (f", {detail.error_code}" if detail.error_code else ""),
        "channel": f"{detail.channel}, {detail.kind}, priority {detail.priority.value}",
        "stage": detail.stage,
        "taken": f"{detail.created_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    if detail.scheduled_at:
        known["scheduled"] = f"{detail.scheduled_at:%Y-%m-%d %H:%M:%S} UTC"
    if detail.reference:
        known["reference"] = detail.reference
    console.print(facts(known))
    steps = table("event", "stage", "attempt", "code", "by", "at")
    for step in detail.timeline:
        attempt = str(step.attempt) if step.attempt else ""
        steps.add_row(step.name, step.stage, attempt, escape(step.code), escape(step.actor), f"{step.at:%H:%M:%S}")
    console.print(steps)
