"""Phase one judges every row before anything is recorded; phase two reads the good ones again."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from dispatch.application.intake.chunks import judged_frames
from dispatch.application.intake.drift import DriftWatch
from dispatch.application.intake.formats import Format, layout_of, records_of
from dispatch.application.intake.frames import Frame
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.overlay import Overlay
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.refused import no_rows
from dispatch.application.intake.row import GoodRow, RowReader
from dispatch.application.intake.seen import SeenKeys
from dispatch.application.intake.shares import judged_together
from dispatch.application.ports.assistant import Assistant
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
    value_pence: int = 0  # Of the accepted rows.
    drift: str = ""  # What has changed in the file, where whole columns are refused.


def judge(
    path: Path,
    profile: Profile,
    layout: Layout | None = None,
    *,
    overlay: Overlay | None = None,
    on_progress: Progress | None = None,
    on_good: Callable[[Frame], None] | None = None,
    budget: Budget | None = None,
    errors_per_code_max: int = ERRORS_PER_CODE_MAX,
    assistant: Assistant | None = None,
) -> Judgement:
    """Judge every row of an inspected file, as it is under its corrections. The same file gets the same answer.

    With `budget` it stops where nothing that may follow can make it hold, if many rows are spared. Accepted rows are
    told to `on_good`. A good row whose natural key an earlier good row of the file had is a duplicate, not an error.
    `assistant` judges half of a CSV file without corrections; the answer is the same.

    Raises:
        FileRefused: `no_rows`; the file breaks in the middle (see `Records`); its header is not usable (`find_layout`).
        AssistantGone: ask again.
    """
    layout = layout or layout_of(path, profile)
    read, seen, records = RowReader(profile, layout), SeenKeys(), records_of(path, layout)
    rows_at_most = rows_at_most_of(path) if budget and layout.format == Format.CSV else 0
    row = stopped_at_row = accepted = rejected = duplicates = value_pence = 0
    errors: list[RowError] = []
    by_code: Counter[str] = Counter()
    watch = DriftWatch()
    if assistant and on_good and not overlay and layout.format == Format.CSV:
        judging = judged_together(assistant, records, path, profile, layout)
    else:
        rows = overlay.over(records) if overlay else records
        judging = judged_frames(rows, profile, layout, only_counted=on_good is None)
    with closing(judging):
        for judged in judging:
            chunk = judged
            for row, line, refusals in judged.refused:
                rejected += 1
                for refusal in refusals:
                    watch.add(refusal.column, refusal.code, refusal.text)
                    by_code[refusal.code.value] += 1
                    if by_code[refusal.code.value] <= errors_per_code_max:
                        errors.append(read.explain(refusal, row, line))
                if budget and rows_at_most - row >= ROWS_SPARED_MIN and budget.broken(rejected, rows_at_most):
                    stopped_at_row = row
                    chunk = judged.through(row)
                    break
            fresh = seen.add_all(chunk.good.keys)
            accepted += sum(fresh)
            duplicates += len(fresh) - sum(fresh)
            kept = chunk.keep(fresh)
            value_pence += sum(price or 0 for price in kept.prices)
            if on_good:
                on_good(kept.good)
            row = chunk.row_through
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
        value_pence=value_pence,
        drift=watch.finding(profile, row),
    )


def rows_at_most_of(path: Path) -> int:
    """No file has more data rows than this: it has so many line breaks, and one of its lines is the header."""
    breaks, last = 0, b""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            # A pair that is cut in two counts twice: the limit is a little higher, never too low.
            breaks += piece.count(b"\n") + piece.count(b"\r") - piece.count(b"\r\n")
            last = piece[-1:]
    return breaks - (last in {b"\n", b"\r"})


def good_frames(
    path: Path, profile: Profile, layout: Layout | None = None, *, overlay: Overlay | None = None, after_row: int = 0
) -> Iterator[Frame]:
    """The accepted rows in order, without duplicates, from behind row `after_row`.

    The rows up to there are judged again, because they own their natural keys.

    Raises while iterating:
        FileRefused: as `judge`, but for `no_rows`.
    """
    layout = layout or layout_of(path, profile)
    seen, records = SeenKeys(), records_of(path, layout)
    for chunk in judged_frames(overlay.over(records) if overlay else records, profile, layout):
        fresh = chunk.good.keep(seen.add_all(chunk.good.keys))
        if chunk.row_through > after_row:
            yield fresh.keep([row > after_row for row in fresh.rows])


def good_rows(
    path: Path, profile: Profile, layout: Layout | None = None, *, overlay: Overlay | None = None, after_row: int = 0
) -> Iterator[GoodRow]:
    """As `good_frames`, row by row."""
    for frame in good_frames(path, profile, layout, overlay=overlay, after_row=after_row):
        yield from frame.good_rows()
