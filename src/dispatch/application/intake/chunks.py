"""Rows judged some hundred at a time, column by column; `RowReader` judges one row, with the same verdicts."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import compress, cycle, islice
from operator import itemgetter
from typing import Any, NamedTuple

from dispatch.application.intake.columns import column_reader_of
from dispatch.application.intake.frames import Frame, GoodColumns, encoded
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.row import Refusal, RowReader, fields_under, groups_of, lacks
from dispatch.domain.consent import Basis

ROWS_PER_CHUNK = 500
"""So few that all of a chunk stays in the cache of a core: with 1,000 a row takes a tenth longer."""

Row = tuple[int, int, list[str]]
"""The row's number, the line on which it begins, its cells."""
Columns = Sequence[Sequence[Any]]
"""Values by column, in the order of the profile."""


class Share(NamedTuple):
    """Of every `of` chunks those at these places, from 0."""

    places: frozenset[int]
    of: int


class Chunk(NamedTuple):
    """Rows that were judged: those with a refused value as they were read, and of the good ones numbers and values."""

    row_through: int
    refused: Sequence[Row]
    rows: Sequence[int]
    keys: Sequence[str]
    columns: Columns

    def keep(self, flags: Sequence[bool]) -> "Chunk":
        """With these of the good rows."""
        if all(flags):
            return self
        rows, keys = list(compress(self.rows, flags)), list(compress(self.keys, flags))
        return self._replace(rows=rows, keys=keys, columns=[list(compress(column, flags)) for column in self.columns])


class Judged(NamedTuple):
    """Rows that were judged: number, line and refusals of the bad ones, the good ones as a frame, and their prices.

    There are no prices where the profile has no column of them.
    """

    row_through: int
    refused: Sequence[tuple[int, int, Sequence[Refusal]]]
    good: Frame
    prices: Sequence[int | None]

    def through(self, row: int) -> "Judged":
        """As if the file ended with this row."""
        refused = [one for one in self.refused if one[0] <= row]
        return self.keep([number <= row for number in self.good.rows])._replace(row_through=row, refused=refused)

    def keep(self, flags: Sequence[bool]) -> "Judged":
        """With these of the good rows."""
        prices = self.prices and list(compress(self.prices, flags))
        return self._replace(good=self.good.keep(flags), prices=prices)


def judged_frames(
    rows: Iterable[Row],
    profile: Profile,
    layout: Layout,
    *,
    only_counted: bool = False,
    share: Share | None = None,
) -> Generator[Judged]:
    """These rows judged, and the good ones made, a chunk at a time; where it has a `share`, only the chunks of that.

    Raises what reading them raises.
    """
    make, read = good_columns_maker(profile), RowReader(profile, layout)
    price_at = next((at for at, column in enumerate(profile.columns) if column.to == "price_pence"), None)
    for chunk in judged_chunks(_shared(rows, share) if share else rows, profile, layout):
        prices = () if price_at is None else chunk.columns[price_at]
        good = Frame(chunk.rows, chunk.keys, b"" if only_counted else encoded(make(chunk)))
        refused = [(row, line, read.refusals(cells)) for row, line, cells in chunk.refused]
        yield Judged(chunk.row_through, refused, good, prices)


def _shared(rows: Iterable[Row], share: Share) -> Iterator[Row]:
    """The rows of the chunks of this share."""
    coming = iter(rows)
    for place in cycle(range(share.of)):
        chunk = islice(coming, ROWS_PER_CHUNK)
        if place in share.places:
            mine = list(chunk)
            yield from mine
            if len(mine) < ROWS_PER_CHUNK:
                return
        else:
            deque(chunk, 0)


def judged_chunks(rows: Iterable[Row], profile: Profile, layout: Layout) -> Iterator[Chunk]:
    """These rows in chunks. Raises what reading them raises."""
    readers = [column_reader_of(column) for column in profile.columns]
    width, positions = len(layout.header), layout.positions
    key_at = profile.columns.index(profile.column(profile.natural_key))
    coming, groups = iter(rows), groups_of(profile)
    while chunk := list(islice(coming, ROWS_PER_CHUNK)):
        fitting = chunk
        if set(map(len, map(itemgetter(2), chunk))) != {width}:
            fitting = [row for row in chunk if len(row[2]) == width]
        bad: set[int] = set()
        columns: list[Sequence[Any]] = [()] * len(readers)
        if fitting:
            by_position = list(zip(*map(itemgetter(2), fitting), strict=True))
            by_position.append(("",) * len(fitting))  # Position -1: a column that the file does not have.
            columns = [read(by_position[position], bad) for read, position in zip(readers, positions, strict=True)]
            for group in groups:
                bad.update(place for place, values in enumerate(zip(*columns, strict=True)) if lacks(values, group))
        judged = Chunk(chunk[-1][0], [], [row[0] for row in fitting], [], columns)
        if bad:
            judged = judged.keep([place not in bad for place in range(len(fitting))])
        keys = [str(key).upper() for key in judged.columns[key_at]]
        refused: list[Row] = []
        if len(keys) < len(chunk):
            good = set(judged.rows)
            refused = [row for row in chunk if row[0] not in good]
        yield judged._replace(refused=refused, keys=keys)


def good_columns_maker(profile: Profile) -> Callable[[Chunk], GoodColumns]:
    """A function of a chunk to the columns of its good rows, which hold what `good_row_maker` makes one by one."""
    own, person, permission = (fields_under(profile, prefix) for prefix in ("", "person.", "permission."))
    details = [(column.name, i) for i, column in enumerate(profile.columns) if column.to == "details"]
    fixed, always = profile.fixed, profile.details

    def columns_of(chunk: Chunk) -> GoodColumns:
        columns, count = chunk.columns, len(chunk.rows)

        def of(fields: dict[str, int], name: str, absent: object = "") -> Sequence[Any]:
            return columns[fields[name]] if name in fields else [absent] * count

        return GoodColumns(
            references=of(own, "reference"),
            services=of(own, "service", fixed.service),
            prices_pence=of(own, "price_pence", fixed.price_pence),
            names=of(person, "name"),
            emails=of(person, "email"),
            phones=of(person, "phone"),
            addresses=of(person, "address"),
            postcodes=of(person, "postcode"),
            notes=of(person, "notes"),
            bases=of(permission, "basis", Basis.NONE),
            consents_on=of(permission, "consent_on", None),
            statements=of(permission, "statement"),
            sale_refs=of(permission, "sale_ref"),
            objected=of(permission, "objected", False),
            details=_details(columns, details, count, always),
        )

    return columns_of


def _details(
    columns: Columns, details: list[tuple[str, int]], count: int, always: Mapping[str, str]
) -> list[dict[str, str]]:
    if len(details) == 1 and not always:
        [(name, at)] = details
        return [{name: str(value)} if value else {} for value in columns[at]]
    found: list[dict[str, str]] = [dict(always) for _ in range(count)]
    for name, at in details:
        for one, value in zip(found, columns[at], strict=True):
            if value:
                one[name] = str(value)
    return found
