"""`dispatch provider`: who is called, and how they stand."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (f"{HERE}.provider_list:list_providers", "Every provider: breaker, health, spending, limits."),
        "receipts": (f"{HERE}.provider_receipts:receipts", "Signed receipts: how many came, and which wait."),
    },
)
def provider() -> None:
    """The providers, in the order in which they are asked.

    \b
    Examples:
      dispatch provider list
      dispatch provider list --json | jq 'select(.state != "closed")'
      dispatch provider receipts
    """
