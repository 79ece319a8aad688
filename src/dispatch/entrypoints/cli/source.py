"""`dispatch source`: where rows come from by themselves."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "add": (f"{HERE}.source_add:add", "Take rows from a folder, a file, a server, or a webhook."),
        "list": (f"{HERE}.source_show:list_sources", "The sources, and how the last look at each went."),
        "show": (f"{HERE}.source_show:show", "One source: what came from it, and what is wrong with it."),
        "check": (f"{HERE}.source_check:check", "Look at a source now, without waiting for its time."),
        "pause": (f"{HERE}.source_turn:pause", "Take nothing from a source for now."),
        "resume": (f"{HERE}.source_turn:resume", "Go on with a source that was paused."),
        "remove": (f"{HERE}.source_turn:remove", "Take nothing from a source any more."),
    },
)
def source() -> None:
    """Where rows come from by themselves.

    \b
    Examples:
      dispatch source add letters --kind folder --location /srv/in/letters
      dispatch source list
      dispatch source check letters
    """
