"""Phase one judges every row before anything is recorded; phase two reads the good ones again."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from dispatch.application.intake.fields import ValueRefused
from dispatch.application.intake.layout import Layout, read_layout
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.records import Records
from dispatch.application.intake.refused import no_rows
from dispatch.application.intake.row import GoodRow, RowReader, good_row_maker
from dispatch.application.intake.seen import SeenKeys
from dispatch.domain.rows import RowError

ERRORS_PER_CODE_MAX = 1000
PROGRESS_EVERY_ROWS = 1000

Progress = Callable[[int, int], None]
"""Told now and then how many rows were judged and how many bytes of the file were read."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What judging every row has found: rows = accepted + rejected + duplicates.

    `errors_by_code` counts every refused value, of which a row may have several; `errors` holds the first of each code.
    """

    rows: int
    accepted: int
    rejected: int
    duplicates: int
    errors: tuple[RowError, ...]
    errors_by_code: dict[str, int]
    value_pence: int = 0  # Of the accepted rows.


def judge(
    path: Path,
    profile: Profile,
    layout: Layout | None = None,
    *,
    on_progress: Progress | None = None,
    errors_per_code_max: int = ERRORS_PER_CODE_MAX,
) -> Judgement:
    """Judge every row of an inspected file. The same file gets the same answer.

    A good row whose natural key an earlier good row of the file had is a duplicate, not an error.

    Raises:
        FileRefused: `no_rows`; the file breaks in the middle (see `Records`); its header is not usable (`find_layout`).
    """
    layout = layout or read_layout(path, profile)
    read, seen, records = RowReader(profile, layout), SeenKeys(), Records(path, layout)
    row = accepted = rejected = duplicates = value_pence = 0
    price_at = next((at for at, column in enumerate(profile.columns) if column.to == "price_pence"), None)
    errors: list[RowError] = []
    by_code: Counter[str] = Counter()
    for row, line, cells in records:
        try:
            values = read(cells)
        except ValueRefused:
            rejected += 1
            for refusal in read.refusals(cells):
                by_code[refusal.code.value] += 1
                if by_code[refusal.code.value] <= errors_per_code_max:
                    errors.append(read.explain(refusal, row, line))
        else:
            if seen.add(read.natural_key(values)):
                accepted += 1
                if price_at is not None:
                    value_pence += values[price_at] or 0
            else:
                duplicates += 1
        if on_progress and row % PROGRESS_EVERY_ROWS == 0:
            on_progress(row, records.bytes_read)
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
        value_pence=value_pence,
    )


def good_rows(path: Path, profile: Profile, layout: Layout | None = None, *, after_row: int = 0) -> Iterator[GoodRow]:
    """The accepted rows in order, without duplicates, from behind row `after_row`.

    The rows up to there are judged again, because they own their natural keys.

    Raises while iterating:
        FileRefused: as `judge`, but for `no_rows`.
    """
    layout = layout or read_layout(path, profile)
    read, seen, make = RowReader(profile, layout), SeenKeys(), good_row_maker(profile)
    for row, _, cells in Records(path, layout):
        try:
            values = read(cells)
        except ValueRefused:
            continue
        key = read.natural_key(values)
        if seen.add(key) and row > after_row:
            yield make(row, key, values)
