"""`dispatch privacy`: the keys of personal data."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={"rotate-key": (f"{HERE}.privacy_rotate:rotate_key", "Wrap every person's key under a new master key.")},
)
def privacy() -> None:
    """The keys under which personal data is encrypted.

    \b
    Examples:
      dispatch privacy rotate-key
    """
