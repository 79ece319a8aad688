"""Cells for spreadsheets: none is taken for a formula, and each comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.application.spreadsheet import guarded, unguarded

CELLS = st.text(alphabet=st.sampled_from("'=+-@|＝＋ \t\r\naé1")) | st.text()


@pytest.mark.parametrize("cell", ["=1+1", "+44 7700 900123", "-1", "@SUM(A1)", "\t=1", "  =1", "＝cmd", "|x"])
def test_what_starts_a_formula_gets_an_apostrophe(cell):
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Ann", "O'Neill", "'Ann", "07700 900123", "a=b", "'"])
def test_anything_else_stays_as_it_is(cell):
    assert guarded(cell) == unguarded(cell) == cell


def test_a_cell_whose_apostrophe_a_person_took_away_is_what_it_says():
    assert unguarded("+44 7700 900123") == "+44 7700 900123"


@given(CELLS)
def test_every_cell_comes_back_as_it_was(cell):
    assert unguarded(guarded(cell)) == cell
    assert unguarded(cell) in (cell, cell[1:])
