"""How answers look: compact tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dispatch.application.ports.queries import RowErrorRow

PIPE_WIDTH = 160
"""Characters a line where no terminal says how wide it is."""
WIDE = 180
"""From here on tables show whole ids."""


def out() -> Console:
    """The standard output, for answers."""
    return _console(Console(highlight=False))


def notes() -> Console:
    """The standard error, for progress and remarks."""
    return _console(Console(highlight=False, stderr=True))


def table(*columns: str, right: Iterable[str] = (), title: str | None = None) -> Table:
    """An empty table; the columns in `right` hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    numbers = set(right)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def facts(known: Mapping[str, str]) -> Text:
    """Names and what they are, one a line."""
    width = max(map(len, known), default=0)
    lines = [Text.assemble((f"  {name.ljust(width)}  ", "dim"), value) for name, value in known.items()]
    return Text("\n").join(lines)


def refusals_table(errors: Sequence[RowErrorRow], *, title: str | None = None) -> Table:
    """Refused values; what others wrote is shown as it is, never taken for markup."""
    made = table("row", "line", "column", "code", "found", "expected", "fix", right=("row", "line"), title=title)
    for error in errors:
        texts = (error.column, error.code, error.found, error.expected, error.fix)
        made.add_row(str(error.row), str(error.line), *map(escape, texts))
    return made


def print_json(value: object) -> None:
    """One object on one line of stdout."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def print_lines(values: Iterable[object]) -> None:
    """One object a line (NDJSON)."""
    for value in values:
        print_json(value)


def _console(console: Console) -> Console:
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console
