"""`dispatch notify send`: messages from a file of JSON, so that no person's data stands on the command line."""

import time
from functools import partial
from typing import Any, BinaryIO

import msgspec
import rich_click as click

from dispatch.application.notifications.batches import ITEMS_MAX, ItemOutcome, ItemReport, take_batch
from dispatch.application.notifications.desk import NotificationDesk
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json, print_lines

POLL_S = 0.1


@click.command()
@click.argument("file", metavar="FILE", type=click.File("rb"))
@click.option(
    "--key",
    metavar="KEY",
    default="",
    help="Idempotency key of a message that has none of its own; of several, their place is added.",
)
@click.option("--wait", is_flag=True, help="Wait until each is sent or cannot be, or waits for its time.")
@shared_options
@click.pass_obj
def send(cli: Cli, file: BinaryIO, key: str, wait: bool) -> None:
    """Send the messages of a file: an object, an array of objects, or {"items": [...]}; - reads standard input.

    Fields: channel (sms, push, email), to, content, kind (service, marketing), permission ({"basis": ...}); and where
    wanted subject, name, priority (high, normal, low), scheduledAt, reference, idempotencyKey. A message with a known
    key is sent once. Exit code 1 when one is refused; the others are taken.

    \b
    Examples:
      dispatch notify send message.json
      dispatch notify send messages.json --key news-2026-11 --wait
      dispatch notify send - < message.json
    """
    items = _items(file.read(), getattr(file, "name", "standard input"), key)
    with cli.open_app() as app:
        report = take_batch(partial(app.notifications.open, by=who()), items, key)
        if cli.as_json:  # Of those that are waited for comes how they have come out.
            print_lines(item for item in report.items if not (wait and item.notification_id))
        else:
            for item in report.items:
                _say(item)
        if wait:
            _follow(cli, app.notifications, [item.notification_id for item in report.items if item.notification_id])
    if report.refused:
        raise SystemExit(1)


def _follow(cli: Cli, desk: NotificationDesk, notification_ids: list[str]) -> None:
    """Until nothing more comes by itself soon; says how each has come out, with --json as `notify show` does."""
    for notification_id in notification_ids:
        while not (detail := desk.show(notification_id)).is_settled:
            time.sleep(POLL_S)
        if cli.as_json:
            print_json(detail)
            continue
        code = f", {detail.error_code}" if detail.error_code else ""
        until = f" until {detail.due_at:%Y-%m-%d %H:%M:%S} UTC" if detail.due_at else ""
        out().print(f"Notification {notification_id}: {detail.status.value}{code}{until}", soft_wrap=True)


def _keyed(item: object, key: str) -> object:
    """A single message has the very key that is given, as over HTTP."""
    return {"idempotencyKey": key, **item} if key and isinstance(item, dict) else item


def _items(content: bytes, name: str, key: str) -> list[Any]:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("json_malformed", f"this is not JSON: {error}", name, "write an object in UTF-8") from None
    if isinstance(found, dict) and isinstance(found.get("items"), list):
        found = found["items"]
    items = found if isinstance(found, list) else [_keyed(found, key)]
    if not 1 <= len(items) <= ITEMS_MAX:
        what = f"there are {len(items):,} messages in it"
        raise Refused("notification_invalid", what, name, f"send 1 to {ITEMS_MAX:,} at a time")
    return items


def _say(item: ItemReport) -> None:
    console = out()
    match item.outcome:
        case ItemOutcome.ACCEPTED:
            console.print(f"Notification {item.notification_id} is taken.", soft_wrap=True)
        case ItemOutcome.DUPLICATE:
            console.print(f"Notification {item.notification_id} was taken before. Nothing was done.", soft_wrap=True)
        case ItemOutcome.REFUSED:
            console.print(f"Message {item.index + 1} is refused: {item.code}", markup=False)
            for error in item.errors:
                console.print(f"  {error.pointer}  {error.detail}", markup=False, soft_wrap=True)
