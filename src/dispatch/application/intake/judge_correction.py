"""Judge corrected rows of a batch that is admitted: which are mended now, and what is left of the refused ones."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dispatch.application.intake.corrections import Correction
from dispatch.application.intake.fields import ValueRefused
from dispatch.application.intake.formats import records_of
from dispatch.application.intake.judge import ERRORS_PER_CODE_MAX
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.overlay import Overlay, fitted
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.row import GoodRow, RowReader, good_row_maker
from dispatch.domain.rows import RowError


class JudgedCorrection:
    """One pass over the batch's file, with the corrections that were judged before on top of it."""

    def __init__(
        self,
        path: Path,
        profile: Profile,
        layout: Layout,
        earlier: Overlay,
        correction: Correction,
        *,
        errors_per_code_max: int = ERRORS_PER_CODE_MAX,
    ) -> None:
        self._path, self._profile, self._layout = path, profile, layout
        self._earlier, self._correction = earlier, correction
        self._errors_per_code_max = errors_per_code_max
        self._by_code: Counter[str] = Counter()
        self._explained: Counter[str] = Counter()
        self._errors: list[RowError] = []
        self.rejected = 0  # Rows of the correction that are refused again.

    @property
    def errors(self) -> tuple[RowError, ...]:
        """Of the rows that are refused again: the first ones of each code."""
        return tuple(self._errors)

    @property
    def errors_by_code(self) -> dict[str, int]:
        """Every refused value of the batch as it is with this correction."""
        return dict(sorted(self._by_code.items()))

    def mended(self) -> Iterator[GoodRow]:
        """Refused rows that the correction makes good, in order. The counts are whole when it has ended.

        Raises FileRefused as `Records`.
        """
        read, make = RowReader(self._profile, self._layout), good_row_maker(self._profile)
        for row, line, before in self._earlier.over(records_of(self._path, self._layout)):
            if self._earlier.is_good(before):
                continue
            is_named = row in self._correction
            cells = self._correction.over(row, fitted(before, self._layout)) if is_named else before
            try:
                values = read(cells)
            except ValueRefused:
                self._refuse(read, row, line, cells, is_named=is_named)
            else:
                yield make(row, read.natural_key(values), values)

    def _refuse(self, read: RowReader, row: int, line: int, cells: list[str], *, is_named: bool) -> None:
        self.rejected += is_named
        for refusal in read.refusals(cells):
            code = refusal.code.value
            self._by_code[code] += 1
            if is_named and self._explained[code] < self._errors_per_code_max:
                self._explained[code] += 1
                self._errors.append(read.explain(refusal, row, line))
