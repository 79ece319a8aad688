"""`dispatch notify`: single messages."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "send": (f"{HERE}.notify_send:send", "Send messages, at once or at their time."),
        "list": (f"{HERE}.notify_list:list_notifications", "Messages and where they stand, newest first."),
        "show": (f"{HERE}.notify_desk:show", "One message and everything that has happened to it."),
        "cancel": (f"{HERE}.notify_desk:cancel", "End a message that was not sent yet."),
    },
)
def notify() -> None:
    """Send single messages by SMS, push or e-mail, and follow them. Nobody is written to without a lawful basis.

    \b
    Examples:
      dispatch notify send message.json
      dispatch notify list --status waiting
      dispatch notify show 01a21dd9-61aa-85f8-8a37-bafca21eb289
      dispatch notify cancel 01a21dd9-61aa-85f8-8a37-bafca21eb289 --reason "moved to Friday"
    """
