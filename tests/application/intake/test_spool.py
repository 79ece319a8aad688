"""Good rows between judging and admission: as they were, in order, and nowhere else."""

from datetime import date

import pytest

from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.intake.frames import Frame, GoodColumns, chunks_of, encoded
from dispatch.application.intake.row import GoodRow
from dispatch.application.intake.spool import Spool
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


def frame(rows):
    persons, permissions = [row.person for row in rows], [row.permission for row in rows]
    columns = GoodColumns(
        references=[row.reference for row in rows],
        services=[row.service for row in rows],
        prices_pence=[row.price_pence for row in rows],
        names=[person.name for person in persons],
        emails=[person.email for person in persons],
        phones=[person.phone for person in persons],
        addresses=[person.address for person in persons],
        postcodes=[person.postcode for person in persons],
        notes=[person.notes for person in persons],
        bases=[permission.basis for permission in permissions],
        consents_on=[permission.consent_on for permission in permissions],
        statements=[permission.statement for permission in permissions],
        sale_refs=[permission.sale_ref for permission in permissions],
        objected=[permission.objected for permission in permissions],
        details=[row.details for row in rows],
    )
    return Frame([row.row for row in rows], [row.natural_key for row in rows], encoded(columns))


def spooled(spool, numbers, rows_per_frame=500):
    """Write these rows; answers them."""
    rows = [good_row(number) for number in numbers]
    for start in range(0, len(rows), rows_per_frame):
        spool.write(frame(rows[start : start + rows_per_frame]))
    return rows


@pytest.mark.parametrize("count", [0, 1, 500, 1_001])
def test_rows_come_back_as_they_were(spool, count):
    rows = spooled(spool, range(1, count + 1))
    assert [row for one in spool.frames() for row in one.good_rows()] == rows
    assert [row for one in spool.frames() for row in one.rows] == [row.row for row in rows]
    assert [key for one in spool.frames() for key in one.keys] == [row.natural_key for row in rows]


def test_it_goes_on_behind_a_row(spool):
    rows = spooled(spool, range(1, 1_201))
    [left] = spool.frames(after_row=1_198)
    assert left.good_rows() == rows[-2:]
    assert list(spool.frames(after_row=1_200)) == []


def test_a_frame_without_a_row_holds_up_nothing(spool):
    for rows in ([], [good_row(1)], []):
        spool.write(frame(rows))
    assert [one.rows for one in spool.frames()] == [[1]]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_frames_are_cut_into_chunks_of_one_size(size):
    rows = [good_row(number) for number in range(1, 12)]
    frames = [frame(rows[:5]), frame([]), frame(rows[5:6]), frame(rows[6:])]
    chunks = [[row for one in chunk for row in one.good_rows()] for chunk in chunks_of(frames, size)]
    assert chunks == [rows[start : start + size] for start in range(0, 11, size)]


def test_no_other_process_finds_them(spool, files, tmp_path):
    spooled(spool, range(1, 2_000))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
