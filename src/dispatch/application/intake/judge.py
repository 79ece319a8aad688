"""Phase one judges every row before anything is recorded; phase two reads the good ones again."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from dispatch.application.intake.fields import ValueRefused
from dispatch.application.intake.formats import Format
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.reading import read_layout, records_of
from dispatch.application.intake.refused import no_rows
from dispatch.application.intake.row import GoodRow, RowReader, good_row_maker
from dispatch.application.intake.seen import SeenKeys
from dispatch.domain.rows import Budget, RowError

ERRORS_PER_CODE_MAX = 1000
PROGRESS_EVERY_ROWS = 1000
ROWS_SPARED_MIN = 10_000
"""Below this a file is judged to its end, whatever comes: the whole list of errors is worth more than the moment."""

Progress = Callable[[int, int], None]
"""Told now and then how many rows were judged and how many bytes of the file were read."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What judging every row has found: rows = accepted + rejected + duplicates.

    `errors_by_code` counts every refused value, of which a row may have several; `errors` holds the first of each code.
    Where judging stopped early, `rows` ends with `stopped_at_row`, and the file has no more than `rows_at_most`.
    """

    rows: int
    accepted: int
    rejected: int
    duplicates: int
    errors: tuple[RowError, ...]
    errors_by_code: dict[str, int]
    stopped_at_row: int = 0
    rows_at_most: int = 0


def judge(
    path: Path,
    profile: Profile,
    layout: Layout | None = None,
    *,
    on_progress: Progress | None = None,
    on_good: Callable[[GoodRow], None] | None = None,
    budget: Budget | None = None,
    errors_per_code_max: int = ERRORS_PER_CODE_MAX,
) -> Judgement:
    """Judge every row of an inspected file. The same file gets the same answer.

    With `budget` it stops where nothing that may follow can make it hold, if many rows are spared. Each accepted row is
    told to `on_good`. A good row whose natural key an earlier good row of the file had is a duplicate, not an error.

    Raises:
        FileRefused: `no_rows`; the file breaks in the middle (`records_of`); its header is not usable (`read_layout`).
    """
    layout = layout or read_layout(path, profile)
    read, seen, records = RowReader(profile, layout), SeenKeys(), records_of(path, layout)
    make = good_row_maker(profile)
    rows_at_most = rows_at_most_of(path, layout.format) if budget else 0
    row = stopped_at_row = accepted = rejected = duplicates = 0
    errors: list[RowError] = []
    by_code: Counter[str] = Counter()
    for row, line, cells in records:
        try:
            values = read(cells)
        except ValueRefused:
            rejected += 1
            if budget and rows_at_most - row >= ROWS_SPARED_MIN and budget.broken(rejected, rows_at_most):
                stopped_at_row = row
            for refusal in read.refusals(cells):
                by_code[refusal.code.value] += 1
                if by_code[refusal.code.value] <= errors_per_code_max:
                    errors.append(read.explain(refusal, row, line))
        else:
            key = read.natural_key(values)
            if seen.add(key):
                accepted += 1
                if on_good:
                    on_good(make(row, key, values))
            else:
                duplicates += 1
        if on_progress and row % PROGRESS_EVERY_ROWS == 0:
            on_progress(row, records.bytes_read)
        if stopped_at_row:
            break
    if row == 0:
        raise no_rows()
    if on_progress:
        on_progress(row, path.stat().st_size)
    return Judgement(
        rows=row,
        accepted=accepted,
        rejected=rejected,
        duplicates=duplicates,
        errors=tuple(errors),
        errors_by_code=dict(sorted(by_code.items())),
        stopped_at_row=stopped_at_row,
        rows_at_most=rows_at_most if stopped_at_row else 0,
    )


def rows_at_most_of(path: Path, kind: Format = Format.CSV) -> int:
    """No file has more data rows than this: it has so many line breaks, and of CSV one line is the header.

    0 where nobody knows, because rows are not lines.
    """
    if kind not in {Format.CSV, Format.NDJSON}:
        return 0
    breaks, last = {b"\n": 0, b"\r": 0}, b""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            last = piece[-1:]
            for each in breaks:
                breaks[each] += piece.count(each)
    return max(breaks.values()) - (last in breaks) + (kind is Format.NDJSON)


def good_rows(path: Path, profile: Profile, layout: Layout | None = None, *, after_row: int = 0) -> Iterator[GoodRow]:
    """The accepted rows in order, without duplicates, from behind row `after_row`.

    The rows up to there are judged again, because they own their natural keys.

    Raises while iterating:
        FileRefused: as `judge`, but for `no_rows`.
    """
    layout = layout or read_layout(path, profile)
    read, seen, make = RowReader(profile, layout), SeenKeys(), good_row_maker(profile)
    for row, _, cells in records_of(path, layout):
        try:
            values = read(cells)
        except ValueRefused:
            continue
        key = read.natural_key(values)
        if seen.add(key) and row > after_row:
            yield make(row, key, values)
