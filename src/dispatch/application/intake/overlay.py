"""Corrected rows on top of the rows of a file: what each row is now.

A correction changes a row only while that row is refused. So a row that is good stays as it is, whatever comes later:
sending corrections again and again can only make a batch better, and an old copy of the file undoes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence

from dispatch.application.intake.corrections import Correction, read_correction
from dispatch.application.intake.fields import ValueRefused
from dispatch.application.intake.formats import layout_of
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.profiles import Profile, profile_named
from dispatch.application.intake.row import RowReader
from dispatch.application.ports.files import FileStore
from dispatch.domain.batch.state import Batch

Record = tuple[int, int, list[str]]
"""Row, line, cells: what `Records` iterates over."""


class Overlay:
    """The corrections of one file, in the order of their coming."""

    def __init__(self, corrections: Sequence[Correction], profile: Profile, layout: Layout) -> None:
        self._corrections, self._layout = corrections, layout
        self._read = RowReader(profile, layout)

    def over(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records as they are now."""
        for row, line, cells in records:
            yield row, line, self.cells(row, cells)

    def cells(self, row: int, cells: list[str]) -> list[str]:
        """One row as it is now."""
        for correction in self._corrections:
            if row not in correction:
                continue
            if self.is_good(cells):
                break
            cells = correction.over(row, fitted(cells, self._layout))
        return cells

    def is_good(self, cells: list[str]) -> bool:
        """Can the row be taken as it is?"""
        try:
            self._read(cells)
        except ValueRefused:
            return False
        return True


def read_overlay(files: FileStore, hashes: Sequence[str], profile: Profile, layout: Layout) -> Overlay:
    """The overlay of kept files of corrected rows. Raises FileNotFoundError; FileRefused as `read_correction`."""
    return Overlay([read_correction(files.path(each), profile, layout) for each in hashes], profile, layout)


def overlay_of(files: FileStore, batch: Batch) -> Overlay | None:
    """Every correction of a batch of which nothing is admitted yet; None where there is none. Raises as above."""
    if not batch.corrections:
        return None
    profile = profile_named(batch.profile)
    layout = layout_of(files.path(batch.file_hash), profile)
    return read_overlay(files, batch.corrections, profile, layout)


def fitted(cells: list[str], layout: Layout) -> list[str]:
    """As many cells as the header has: empty ones are added, and what is too much is joined into the last one."""
    width = len(layout.header)
    surplus = cells[width:]
    while surplus and not surplus[-1].strip():
        surplus.pop()
    kept = cells[:width] + [""] * (width - len(cells))
    if surplus:
        kept[-1] = (layout.delimiter or " ").join([kept[-1], *surplus])
    return kept
