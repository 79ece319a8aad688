"""The refused values of a batch as a CSV file for people and their spreadsheets (acceptance 1.30, S.08)."""

import csv
import io
from collections.abc import Iterable, Iterator

from dispatch.application.ports.queries import Queries, RowErrorRow
from dispatch.application.spreadsheet import guarded

COLUMNS = ("row_number", "field", "error_type", "error_message", "raw_value")
ROWS_PER_PIECE = 1_000
ERRORS_PER_ROW_MAX = 64
"""More than a row can have: a profile has some twenty columns and each is refused once."""


def error_pages(queries: Queries, batch_id: str) -> Iterator[list[RowErrorRow]]:
    """Every refused value in the order of the rows, a bounded page at a time; a row is never cut in two."""
    after_row = 0
    while page := whole_rows(queries, batch_id, limit=ROWS_PER_PIECE, after_row=after_row)[0]:
        yield page
        after_row = page[-1].row


def whole_rows(queries: Queries, batch_id: str, *, limit: int, after_row: int) -> tuple[list[RowErrorRow], bool]:
    """Up to `limit` values behind a row, and whether more follow; only a row with more than `limit` exceeds it."""
    found = queries.row_errors(batch_id, limit=limit + ERRORS_PER_ROW_MAX, after_row=after_row)
    if len(found) <= limit:
        return found, False
    cut = limit
    while cut and found[cut - 1].row == found[cut].row:
        cut -= 1
    if not cut:
        cut = sum(error.row == found[0].row for error in found)
    return found[:cut], cut < len(found)


def to_csv(errors: Iterable[RowErrorRow], *, header: bool = False) -> bytes:
    """Lines of the report: every cell quoted, RFC 4180."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    if header:
        writer.writerow(COLUMNS)
    for error in errors:
        message = f"expected {error.expected}; {error.fix}"
        cells = (str(error.row), error.column, error.code, message, error.found)
        writer.writerow([guarded(cell) for cell in cells])
    return text.getvalue().encode()
