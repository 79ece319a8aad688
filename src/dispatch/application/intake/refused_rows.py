"""The refused rows of a batch, all of them, from its kept file: what `RowsRefused` stores up to a cap."""

from collections.abc import Container, Iterator
from pathlib import Path
from typing import NamedTuple

from dispatch.application.intake.fields import ValueRefused
from dispatch.application.intake.formats import records_of
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.overlay import Overlay
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.row import RowReader
from dispatch.domain.rows import RowError


class RefusedRow(NamedTuple):
    """A row as it is now, corrections included, and everything that is wrong with it."""

    row: int
    cells: list[str]
    errors: list[RowError]


def refused_rows(
    path: Path, profile: Profile, layout: Layout, overlay: Overlay, mended: Container[int] = ()
) -> Iterator[RefusedRow]:
    """Judge the file again, in flat memory; rows in `mended` are jobs or duplicates already.

    Raises while iterating:
        FileRefused: as `Records`.
    """
    read = RowReader(profile, layout)
    for row, line, cells in overlay.over(records_of(path, layout)):
        if row in mended:
            continue
        try:
            read(cells)
        except ValueRefused:
            yield RefusedRow(row, cells, [read.explain(refusal, row, line) for refusal in read.refusals(cells)])
