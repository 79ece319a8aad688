"""All refused values of a batch, page by page; and cells that no spreadsheet runs."""

import pytest

from dispatch.application.ports.queries import RowErrorRow
from dispatch.application.row_errors import all_row_errors, report_row
from dispatch.application.spreadsheet import guarded


def error(row: int, column: str = "price", found: str = "cheap") -> RowErrorRow:
    return RowErrorRow(
        batch_id="b", row=row, line=row + 1, column=column, code="invalid_money", found=found, expected="£", fix="mend"
    )


class Stored:
    """The query `row_errors` over a list, as the port describes it."""

    def __init__(self, errors: list[RowErrorRow]) -> None:
        self.errors = sorted(errors, key=lambda one: (one.row, one.column))

    def row_errors(self, batch_id: str, *, limit: int = 100, after_row: int = 0) -> list[RowErrorRow]:
        return [one for one in self.errors if one.row > after_row][:limit]


@pytest.mark.parametrize("per_page", [1, 2, 3, 4, 100])
def test_no_value_is_lost_or_doubled_where_a_row_goes_on_behind_a_page(per_page: int):
    stored = Stored([error(row, column) for row in (1, 2, 5, 6) for column in "abc"[: row % 3 + 1]])
    assert list(all_row_errors(stored, "b", per_page=per_page)) == stored.errors


def test_the_columns_of_the_report():
    assert report_row(error(7)) == ("7", "price", "invalid_money", "expected £; mend", "cheap")


@pytest.mark.parametrize("cell", ["=1+1", "+44", "-5", "@SUM(A1)", "\t=1", "  =1", "＝1", "\r1"])
def test_a_cell_that_a_spreadsheet_would_run_becomes_text(cell: str):
    assert guarded(cell) == f"'{cell}"
    assert report_row(error(1, found=cell))[-1] == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "12.00", "a=b", "1-2"])
def test_other_cells_stay_as_they_are(cell: str):
    assert guarded(cell) == cell
