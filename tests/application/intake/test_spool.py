"""Good rows between judging and admission: as they were, in order, and nowhere else."""

from datetime import date

import pytest

from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.intake.row import GoodRow
from dispatch.application.intake.spool import ROWS_PER_FRAME, Spool
from dispatch.domain.consent import Basis, Permission
from examples import ANN


def good_row(number):
    return GoodRow(
        row=number,
        natural_key=f"JOB-{number}",
        reference=f"Job-{number}",
        service="boiler_service",
        price_pence=9_500,
        person=ANN,
        permission=Permission(basis=Basis.CONSENT, consent_on=date(2026, 1, 31), statement="st-1"),
        details={"preferred_date": "2026-12-11"},
    )


@pytest.fixture
def files(tmp_path):
    return FolderFileStore(tmp_path)


@pytest.fixture
def spool(files):
    spool = Spool(files.scratch())
    yield spool
    spool.close()


@pytest.mark.parametrize("count", [0, 1, ROWS_PER_FRAME, 2 * ROWS_PER_FRAME + 1])
def test_rows_come_back_as_they_were(spool, count):
    rows = [good_row(number) for number in range(1, count + 1)]
    for row in rows:
        spool.write(row)
    assert list(spool.rows()) == rows


def test_it_goes_on_behind_a_row(spool):
    for number in range(1, 1_201):
        spool.write(good_row(number))
    assert [row.row for row in spool.rows(after_row=1_198)] == [1_199, 1_200]


def test_no_other_process_finds_them(spool, files, tmp_path):
    for number in range(1, 2_000):
        spool.write(good_row(number))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
