"""`dispatch contact`: the people behind addresses."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={"erase": (f"{HERE}.contact_erase:erase", "Make what is known of a person unreadable, for good.")},
)
def contact() -> None:
    """The people behind phone numbers and e-mail addresses.

    \b
    Examples:
      dispatch contact erase --email jo@example.org --reason "request of 27 November" --dry-run
    """
