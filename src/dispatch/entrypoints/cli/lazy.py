"""A group whose commands are imported when they are run: `dispatch --help` needs none of them."""

from importlib import import_module
from typing import Any

import rich_click as click


class LazyGroup(click.RichGroup):
    """Commands by name: where each one lives (`package.module:attribute`), and its one line in the list."""

    def __init__(self, *, lazy: dict[str, tuple[str, str]], **options: Any) -> None:  # noqa: ANN401 - click's options
        super().__init__(**options)
        self.lazy = lazy
        self._listing = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table: what is used first stands first."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; while the group's help is written, only its name and line."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        place, line = self.lazy[cmd_name]
        return click.RichCommand(name=cmd_name, short_help=line) if self._listing else load_command(place)

    def format_help(self, ctx: click.RichContext, formatter: click.RichHelpFormatter) -> None:  # type: ignore[override]  # as rich-click does
        """The group's help, without importing what it lists."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


def load_command(place: str) -> click.Command:
    """The command at `package.module:attribute`."""
    module, _, attribute = place.partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    return command
