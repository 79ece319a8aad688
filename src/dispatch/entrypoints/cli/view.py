"""`dispatch view`: the read models, and building them anew from the ledger."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (f"{HERE}.view_list:list_views", "How far each view has followed the ledger, and its rows."),
        "rebuild": (f"{HERE}.view_rebuild:rebuild", "Build views anew, and say whether they were right."),
    },
)
def view() -> None:
    """The read models: how far they are, and building them anew from the ledger.

    \b
    Examples:
      dispatch view list
      dispatch view rebuild jobs
      dispatch view rebuild --all
    """
