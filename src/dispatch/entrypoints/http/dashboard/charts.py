"""Charts as numbers: where each column stands on a canvas of 1000 by 100. The template draws, the browser stretches."""

import math
from collections.abc import Sequence

import msgspec

WIDTH, HEIGHT = 1000.0, 100.0
GAP_SHARE = 0.22
LEAST_HEIGHT = 1.5
"""Anything above nothing is seen."""
MARK_ROOM = 1.1
"""So that a mark does not lie on the upper edge."""


class Part(msgspec.Struct, frozen=True):
    """A rectangle of a column; `name` is its class."""

    name: str
    y: float
    height: float


class Column(msgspec.Struct, frozen=True):
    """One column: `title` says in words what it shows."""

    x: float
    width: float
    parts: list[Part]
    title: str


class Chart(msgspec.Struct, frozen=True):
    """Columns under one scale; `line` is the height of a mark across them, where there is one."""

    columns: list[Column]
    most: float
    line: float | None = None


def columns(
    values: Sequence[tuple[str, Sequence[tuple[str, float]]]], *, least: float = 1.0, mark: float | None = None
) -> Chart:
    """A chart of columns, each with a title and named values that stand on each other.

    Args:
        values: the columns from left to right.
        least: the scale ends no lower than this.
        mark: a value at which a line is drawn across.
    """
    most = nice(max([least, MARK_ROOM * (mark or 0.0), *(sum(value for _, value in parts) for _, parts in values)]))
    step = WIDTH / max(1, len(values))
    made = []
    for place, (title, parts) in enumerate(values):
        top, drawn = HEIGHT, []
        for name, value in parts:
            if value > 0:
                height = max(LEAST_HEIGHT, HEIGHT * value / most)
                top -= height
                drawn.append(Part(name, round(top, 2), round(height, 2)))
        x = step * (place + GAP_SHARE / 2)
        made.append(Column(round(x, 2), round(step * (1 - GAP_SHARE), 2), drawn, title))
    return Chart(made, most, None if mark is None else round(HEIGHT - HEIGHT * mark / most, 2))


def nice(value: float) -> float:
    """The end of a scale: the least of some round numbers, times a power of ten, that is not below a value."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 1.25, 1.5, 2, 2.5, 5, 10) if factor * power >= value * (1 - 1e-9))
