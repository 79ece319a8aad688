"""`dispatch notify send`: messages from a file of JSON, so that no person's data stands on the command line."""

from functools import partial
from typing import Any, BinaryIO

import msgspec
import rich_click as click

from dispatch.application.notifications.batches import ITEMS_MAX, ItemOutcome, ItemReport, take_batch
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_lines


@click.command()
@click.argument("file", metavar="FILE", type=click.File("rb"))
@click.option(
    "--key", metavar="KEY", default="", help="Idempotency key of what has none of its own; its place is added."
)
@shared_options
@click.pass_obj
def send(cli: Cli, file: BinaryIO, key: str) -> None:
    """Send the messages of a file: an object, an array of objects, or {"items": [...]}; - reads standard input.

    Fields: channel (sms, push, email), to, content, kind (service, marketing), permission ({"basis": ...}); and where
    wanted subject, name, priority (high, normal, low), scheduledAt, reference, idempotencyKey. A message with a known
    key is sent once. Exit code 1 when one is refused; the others are taken.

    \b
    Examples:
      dispatch notify send message.json
      dispatch notify send messages.json --key news-2026-11 --json
      jq -n '{channel: "sms", to: "07700 900123", content: "We are on our way.", kind: "service",
              permission: {basis: "contract"}}' | dispatch notify send -
    """
    items = _items(file.read(), getattr(file, "name", "standard input"))
    with cli.open_app() as app:
        report = take_batch(partial(app.notifications.open, by=who()), items, key)
    if cli.as_json:
        print_lines(report.items)
    else:
        for item in report.items:
            _say(item)
    if report.refused:
        raise SystemExit(1)


def _items(content: bytes, name: str) -> list[Any]:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("json_malformed", f"this is not JSON: {error}", name, "write an object in UTF-8") from None
    if isinstance(found, dict) and isinstance(found.get("items"), list):
        found = found["items"]
    items = found if isinstance(found, list) else [found]
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
