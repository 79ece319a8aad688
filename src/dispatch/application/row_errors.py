"""All refused values of a batch, page by page, and as the rows of the error report."""

from collections.abc import Iterator

from dispatch.application.ports.queries import Queries, RowErrorRow
from dispatch.application.spreadsheet import guarded

ROWS_PER_PAGE = 1_000
REPORT_COLUMNS = ("row_number", "field", "error_type", "error_message", "raw_value")
"""Of the CSV report (acceptance S.08)."""


def all_row_errors(queries: Queries, batch_id: str, *, per_page: int = ROWS_PER_PAGE) -> Iterator[RowErrorRow]:
    """Every stored refusal in the order of the rows, in flat memory."""
    after_row = 0
    while page := queries.row_errors(batch_id, limit=per_page, after_row=after_row):
        last = page[-1].row
        if len(page) < per_page:
            yield from page
            return
        whole = [error for error in page if error.row < last]  # The last row may go on behind the page.
        if not whole:
            per_page *= 2  # One row with more refusals than a page holds.
            continue
        yield from whole
        after_row = whole[-1].row


def report_row(error: RowErrorRow) -> tuple[str, ...]:
    """A refusal as a row of the report. Of personal values `raw_value` is the shape, as everywhere."""
    message = f"expected {error.expected}; {error.fix}"
    return (str(error.row), error.column, error.code, guarded(message), guarded(error.found))
