"""`dispatch endpoint`: who elsewhere is told what happens."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "add": (f"{HERE}.endpoint_add:add", "Send signed webhooks to an address from now on."),
        "list": (f"{HERE}.endpoint_show:list_endpoints", "The endpoints, and what each is told of."),
        "show": (f"{HERE}.endpoint_show:show", "One endpoint."),
        "deliveries": (f"{HERE}.endpoint_show:deliveries", "The last attempts, and what came of them."),
        "test": (f"{HERE}.endpoint_turn:test", "Send a test message now."),
        "rotate": (f"{HERE}.endpoint_add:rotate", "Sign under a new secret; the old one stays valid for a while."),
        "replay": (f"{HERE}.endpoint_turn:replay", "Send once more what happened since a time."),
        "disable": (f"{HERE}.endpoint_turn:disable", "Send nothing to it for now."),
        "enable": (f"{HERE}.endpoint_turn:enable", "Send to it again."),
        "remove": (f"{HERE}.endpoint_turn:remove", "Tell it of nothing any more."),
    },
)
def endpoint() -> None:
    """Who elsewhere is told what happens, by signed webhooks (Standard Webhooks).

    \b
    Examples:
      dispatch endpoint add crm --url https://crm.example.com/hooks --type job.delivered
      dispatch endpoint test crm
      dispatch endpoint deliveries crm
    """
