"""JSON and workbooks are judged as CSV is: the same rows, the same verdicts, the same words."""

import json
from datetime import date, time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_desk import Desk
from intake_files import GOOD, HEADER, goods
from openpyxl import Workbook

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.intake.formats import Format, format_of, layout_of
from dispatch.application.intake.inspect import inspect_file
from dispatch.application.intake.judge import Judgement, good_rows, judge
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.workbook_parts import UNPACKED_BYTES_MAX
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.rows import RowCode

ROW = {"reference": "SJ-1", "service": "boiler_service", "price": "89.00", "customer_name": "Ann Smith"}
ROW |= {"postcode": "LS1 4AP"}
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def row(number: int = 1, **values: object) -> dict[str, object]:
    return {**ROW, "reference": f"SJ-{number}", **values}


def ndjson(*rows: object) -> bytes:
    return "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in rows).encode()


@pytest.fixture
def file(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "rows"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def workbook(tmp_path: Path):
    def write(*rows: list[object], title: str = "jobs") -> Path:
        book = Workbook()
        book.active.title = title
        for line in rows:
            book.active.append(line)
        path = tmp_path / "jobs.xlsx"
        book.save(path)
        return path

    return write


def judged(path: Path) -> Judgement:
    return judge(path, SERVICE_JOB)


def refused(path: Path) -> FileRefused:
    with pytest.raises(FileRefused) as refusal:
        inspect_file(path, SERVICE_JOB)
    return refusal.value


# Which format it is


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (HEADER.encode(), Format.CSV),
        (b"", Format.CSV),
        (b'\xef\xbb\xbf \n {"a": 1}', Format.JSON),
        (b"[{", Format.JSON),
        (b"PK\x03\x04rest", Format.WORKBOOK),
    ],
)
def test_the_first_bytes_say_what_it_is(head: bytes, found: Format):
    assert format_of(head) is found


def test_an_old_workbook_or_one_under_a_password_is_refused_with_a_way_out(file):
    refusal = refused(file(COMPOUND + bytes(512)))
    assert refusal.code == "workbook_unreadable"
    assert "CSV UTF-8" in refusal.fix


# JSON


@pytest.mark.parametrize(
    "content",
    [
        ndjson(row(1), row(2)),
        b"\xef\xbb\xbf" + ndjson(row(1), row(2)),
        b"\n \n" + ndjson(row(1)) + b"\r\n" + ndjson(row(2)).strip(),
        json.dumps([row(1), row(2)]).encode(),
        json.dumps([row(1), row(2)], indent=2).encode(),
        json.dumps({"rows": [row(1), row(2)], "sent": "today"}).encode(),
        json.dumps({"rows": [row(1), row(2)]}, indent=1).encode(),
    ],
    ids=["lines", "mark", "blank lines", "array", "pretty array", "rows", "pretty rows"],
)
def test_rows_as_json_are_the_rows_of_the_csv_file(tmp_path: Path, file, content: bytes):
    path = file(content)
    inspect_file(path, SERVICE_JOB)
    csv = tmp_path / "jobs.csv"
    csv.write_text(HEADER + goods(2))
    assert list(good_rows(path, SERVICE_JOB)) == list(good_rows(csv, SERVICE_JOB))


def test_keys_are_headers_with_aliases_and_what_is_not_known_is_not_kept(file):
    aliased = {"file #": 4711, "Service Type": "boiler_service", "COST": 89.10, "name": "Ann", "post-code": "LS1 4AP"}
    [good] = good_rows(file(ndjson(aliased | {"shoe size": 99})), SERVICE_JOB)
    assert (good.reference, good.price_pence) == ("4711", 8910)
    assert "99" not in str(good)


@pytest.mark.parametrize(("price", "pence"), [("0.10", 10), ("1234.5", 123_450), ("89.10", 8_910), ("100", 10_000)])
def test_a_number_is_read_as_it_is_written(file, price: str, pence: int):
    content = json.dumps(row()).replace('"89.00"', price).encode()
    [good] = good_rows(file(content), SERVICE_JOB)
    assert good.price_pence == pence


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("{broken", "row", RowCode.NOT_AN_OBJECT),
        ("[1]", "row", RowCode.NOT_AN_OBJECT),
        ("null", "row", RowCode.NOT_AN_OBJECT),
        ("[" * 5_000, "row", RowCode.NOT_AN_OBJECT),
        (row(2, price={"pounds": 1}), "price", RowCode.NESTED),
        (row(2, notes=["a"]), "notes", RowCode.NESTED),
        (row(2, ref="SJ-9"), "reference", RowCode.TWICE),
        (row(2, price=None), "price", RowCode.MISSING),
        (row(2, price=True), "price", RowCode.MONEY),
    ],
)
def test_a_line_that_is_no_row_is_a_refused_row_and_costs_no_other(file, line: object, column: str, code: RowCode):
    found = judged(file(ndjson(row(1), line, row(3))))
    assert (found.rows, found.accepted, found.rejected) == (3, 2, 1)
    [error] = found.errors
    assert (error.row, error.line, error.column, error.code) == (2, 2, column, code)
    assert error.expected
    assert error.fix
    assert "SJ-9" not in error.found


def test_no_value_of_a_broken_line_is_told(file):
    [error] = judged(file(ndjson(row(1), '{"customer_name": "Eleanor Secret"'))).errors
    assert "Secret" not in str(error)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[", "json_malformed"),
        (b'{\n"a": 1', "json_malformed"),
        (b"[]", "no_rows"),
        (b'{"rows": []}', "no_rows"),
        (b'{"a"\x00: 1}', "nul_byte"),
        (b'{"a": "\xff"}', "encoding_not_utf8"),
        (b'{"a": "\xc3', "encoding_not_utf8"),
    ],
)
def test_what_holds_no_rows_is_refused_whole(file, content: bytes, code: str):
    refusal = refused(file(content))
    assert (refusal.code, bool(refusal.fix)) == (code, True)


def test_a_long_array_and_a_long_line_are_refused(file, monkeypatch):
    monkeypatch.setattr("dispatch.application.intake.json_rows.WHOLE_BYTES_MAX", 1_000)
    monkeypatch.setattr("dispatch.application.intake.json_rows.LINE_BYTES_MAX", 500)
    assert refused(file(json.dumps([row(n) for n in range(9)]).encode())).code == "json_too_large"
    with pytest.raises(FileRefused) as refusal:
        judged(file(ndjson(row(1), row(2, notes="x" * 600))))
    assert (refusal.value.code, refusal.value.where) == ("line_too_long", "line 2")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=8))
def test_no_value_stops_the_reader(tmp_path_factory, value: object):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(ndjson(row(1), {**ROW, "notes": value}, json.dumps(value)))
    found = judged(path)
    assert found.rows == 3
    assert found.accepted + found.rejected + found.duplicates == 3


# Workbooks


def test_rows_of_a_workbook_are_the_rows_of_the_csv_file(tmp_path: Path, workbook):
    header, good = HEADER.strip().split(","), GOOD.strip().split(",")
    path = workbook([], header, good, [], ["SJ-2", *good[1:]])
    inspect_file(path, SERVICE_JOB)
    csv = tmp_path / "jobs.csv"
    csv.write_text(HEADER + goods(2))
    assert list(good_rows(path, SERVICE_JOB)) == list(good_rows(csv, SERVICE_JOB))


def test_cells_read_as_people_see_them(workbook):
    header = [*HEADER.strip().split(","), "phone", "preferred_date", "opted_out"]
    path = workbook(header, [4711, "boiler_service", 89.1, "Ann", "LS1 4AP", 7700900123, date(2026, 12, 1), False])
    [good] = good_rows(path, SERVICE_JOB)
    assert (good.reference, good.price_pence, good.person.phone) == ("4711", 8_910, "+447700900123")
    assert good.details == {"preferred_date": "2026-12-01"}
    assert good.permission.objected is False


@pytest.mark.parametrize("cell", [date(2026, 12, 1), "2026-12-01", "1 Dec 2026"])
def test_days_are_days_however_they_are_kept(workbook, cell: object):
    [good] = good_rows(workbook([*HEADER.strip().split(","), "preferred_date"], [*ROW.values(), cell]), SERVICE_JOB)
    assert good.details == {"preferred_date": "2026-12-01"}


def test_a_refused_cell_is_told_with_its_row_of_the_sheet(workbook):
    header, good = HEADER.strip().split(","), list(ROW.values())
    found = judged(workbook(header, good, ["SJ-2", "boiler_service", time(9, 30), "Bob", "LS1 4AP"]))
    [error] = found.errors
    assert (error.row, error.line, error.column, error.code) == (2, 3, "price", RowCode.MONEY)


def test_cells_beside_the_table_are_a_fault_only_where_a_row_has_them(workbook):
    header, good = HEADER.strip().split(","), list(ROW.values())
    found = judged(workbook([*header, None], good, ["SJ-2", *good[1:], "a remark"]))
    assert [(error.row, error.code) for error in found.errors] == [(2, RowCode.CELLS)]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "file_empty"),
        ([HEADER.strip().split(",")], "no_rows"),
        ([["a", "b"], [1, 2]], "header_missing"),
        ([["reference", "service"], ["SJ-1", "x"]], "columns_missing"),
        ([["reference", "ref", "service"], ["SJ-1", "x", "y"]], "columns_duplicated"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused(workbook, rows: list[list[object]], code: str):
    refusal = refused(workbook(*rows))
    assert (refusal.code, bool(refusal.fix)) == (code, True)


def test_an_archive_that_is_no_workbook_is_refused(tmp_path: Path, file):
    archive = tmp_path / "a.zip"
    with ZipFile(archive, "w") as zipped:
        zipped.writestr("notes.txt", "hello")
    assert refused(archive).code == "workbook_unreadable"
    assert refused(file(b"PK\x03\x04 and nothing more")).code == "workbook_unreadable"


def test_a_workbook_that_would_unpack_to_very_much_is_not_unpacked(workbook):
    path = workbook(HEADER.strip().split(","), list(ROW.values()))
    with ZipFile(path, "a", ZIP_DEFLATED) as bomb, bomb.open("xl/media/zeros.bin", "w", force_zip64=True) as part:
        for _ in range(1 + UNPACKED_BYTES_MAX // (1 << 20)):
            part.write(bytes(1 << 20))
    assert path.stat().st_size < 2_000_000
    assert refused(path).code == "workbook_too_large"


def test_a_broken_workbook_is_refused(workbook):
    path = workbook(HEADER.strip().split(","), list(ROW.values()))
    with ZipFile(path) as whole:
        parts = {part: whole.read(part) for part in whole.namelist()}
    with ZipFile(path, "w") as broken:
        for part, data in parts.items():
            broken.writestr(part, data[: len(data) // 2] if "sheet1" in part else data)
    assert refused(path).code == "workbook_unreadable"


# The whole way


@pytest.mark.acceptance("1.01", part="the hash of whatever was sent, and the same rows become jobs from any format")
def test_json_and_workbooks_go_the_whole_way(tmp_path: Path, workbook):
    desk = Desk(tmp_path / "files", MemoryLedger())
    book = workbook(HEADER.strip().split(","), *([f"XL-{n}", *list(ROW.values())[1:]] for n in range(1, 6)))
    for content in (ndjson(*(row(n) for n in range(1, 8))), book.read_bytes()):
        received = desk.bring(content)
        assert desk.admit(received.batch_id) is BatchStatus.PROCESSING
        assert desk.bring(content).duplicate
        assert desk.files.path(received.file_hash).read_bytes() == content
        assert len(desk.jobs(received.batch_id)) in (7, 5)
    assert layout_of(book, SERVICE_JOB).format == "workbook"
