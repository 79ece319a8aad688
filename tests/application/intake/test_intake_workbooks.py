"""Rows of .xlsx workbooks: as spreadsheets write them, by hand, broken, and hostile."""

import tracemalloc
from pathlib import Path

import pytest
from intake_files import ROOT, inspect

from dispatch.application.intake.formats import layout_of, records_of
from dispatch.application.intake.inspect import inspect_file
from dispatch.application.intake.judge import judge
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.refused import FileRefused
from workbooks import line, relations, sheet, text_cell, workbook, zipped

MADE = ROOT / "tests" / "fixtures" / "workbooks"
HEADER = ("reference", "service", "price", "customer_name", "postcode", "preferred_date", "opted_out")
GOOD = ("SJ-1", "boiler_service", "89.00", "Ann Smith", "LS1 4AP", "", "")
STYLES = (
    '<numFmts><numFmt numFmtId="164" formatCode="d\\ mmm\\ yyyy"/><numFmt numFmtId="165" formatCode="00000"/>'
    '<numFmt numFmtId="166" formatCode="&quot;£ due&quot;#,##0.00;[Red]-0.00"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/>'
    '<xf numFmtId="20"/></cellXfs>'
)


def cells(tmp_path: Path, content: bytes) -> list[tuple[int, int, list[str]]]:
    path = tmp_path / "file.xlsx"
    inspect(content, path)
    return list(records_of(path, layout_of(path, SERVICE_JOB)))


def refusal(tmp_path: Path, content: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        cells(tmp_path, content)
    assert caught.value.what
    assert caught.value.where
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("name", ["openpyxl.xlsx", "xlsxwriter.xlsx"])
def test_workbooks_of_others_are_read(name: str):
    facts = inspect_file(MADE / name, SERVICE_JOB)
    assert facts.layout.header[:3] == ("Job Ref", "Service", "Fixed price")
    assert list(records_of(MADE / name, facts.layout)) == [
        (1, 3, ["SJ-1", "boiler_service", "89", "Ann Smith", "LS1 4AP", "07700900123", "2026-11-23", "no"]),
        (2, 4, ["SJ-2", "CP12", "85.1", "Bob Łuk", "M1 1AA", "07700 900124", "2026-12-01", "yes"]),
        (3, 6, ["SJ-3", "eicr", "100.3", "Cy O'Neil", "SW1A 1AA", "", "", ""]),
    ]
    assert judge(MADE / name, SERVICE_JOB).accepted == 3


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<c><v>89</v></c>", "89"),
        ("<c><v>85.099999999999994</v></c>", "85.1"),
        ("<c><v>1.2E3</v></c>", "1200"),
        ("<c><v>0.1</v></c>", "0.1"),
        ('<c s="1"><v>46349</v></c>', "2026-11-23"),
        ('<c s="2"><v>46349.75</v></c>', "2026-11-23"),
        ('<c s="1"><v>59</v></c>', "1900-02-28"),
        ('<c s="1"><v>61</v></c>', "1900-03-01"),
        ('<c s="5"><v>0.5</v></c>', "12:00"),
        ('<c s="3"><v>123</v></c>', "00123"),
        ('<c s="4"><v>1234.5</v></c>', "1234.5"),
        ('<c t="b"><v>1</v></c>', "yes"),
        ('<c t="d"><v>2026-11-23T00:00:00</v></c>', "2026-11-23"),
        ('<c t="str"><f>A1&amp;B1</f><v>joined</v></c>', "joined"),
        ('<c t="inlineStr"><is><r><t>An</t></r><r><t>n</t></r><rPh><t>x</t></rPh></is></c>', "Ann"),
        ("<c/>", ""),
    ],
)
def test_a_cell_becomes_the_text_that_people_see(tmp_path: Path, cell: str, text: str):
    content = sheet(line(HEADER) + f"<row>{text_cell('SJ-1')}{cell}</row>", styles=STYLES)
    [(_, _, found)] = cells(tmp_path, content)
    assert found[1] == text


def test_dates_of_the_1904_system_are_four_years_later(tmp_path: Path):
    book = '<workbook xmlns:r="r"><workbookPr date1904="1"/><sheets><sheet r:id="worksheet"/></sheets></workbook>'
    data = line(HEADER) + f'<row>{text_cell("SJ-1")}<c r="F2" s="1"><v>44887</v></c></row>'
    [(_, _, found)] = cells(tmp_path, sheet(data, styles=STYLES, **{"xl__workbook.xml": book}))
    assert found[5] == "2026-11-23"


def test_places_are_kept_where_cells_and_rows_are_left_out(tmp_path: Path):
    data = (
        f'<row r="3">{"".join(text_cell(name) for name in HEADER)}</row>'
        f'<row r="7"><c r="E7" t="inlineStr"><is><t>LS1 4AP</t></is></c></row>'
        f'<row r="9"><c r="A9" t="inlineStr"><is><t> </t></is></c></row>'
    )
    assert cells(tmp_path, sheet(data)) == [(1, 7, ["", "", "", "", "LS1 4AP", "", ""])]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (sheet(""), "file_empty"),
        (sheet(line(HEADER)), "no_rows"),
        (sheet(line(GOOD) * 2), "header_missing"),
        (sheet(line(HEADER[:3]) + line(GOOD[:3])), "columns_missing"),
        (sheet(line((*HEADER, "Job Ref")) + line(GOOD)), "columns_duplicated"),
        (zipped({"jobs.csv": "reference,service"}), "workbook_unreadable"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), "workbook_unreadable"),
        (sheet("", **{"_rels__.rels": relations(officeDocument="word/document.xml")}), "workbook_unreadable"),
        (sheet("", **{"_rels__.rels": relations(officeDocument="xl/workbook.bin")}), "workbook_unreadable"),
        (sheet("<row>"), "workbook_unreadable"),
        (sheet(line(HEADER) + '<row><c t="s"><v>7</v></c></row>'), "workbook_unreadable"),
        (sheet("", **{"xl__workbook.xml": "<workbook/>"}), "workbook_unreadable"),
        (sheet(line(HEADER) + line(GOOD))[:-40], "workbook_unreadable"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes, code: str):
    assert refusal(tmp_path, content).code == code


def test_an_entity_that_expands_is_refused(tmp_path: Path):
    dtd = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    content = sheet('<row><c t="str"><v>&b;</v></c></row>', prefix=dtd)
    refused = refusal(tmp_path, content)
    assert (refused.code, "document type definition" in refused.what) == ("workbook_unreadable", True)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    content = zipped({"[Content_Types].xml": "", "_rels/.rels": "", "xl/bomb.xml": bytes(600 << 20)})
    assert len(content) < 2 << 20
    tracemalloc.start()
    refused = refusal(tmp_path, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (refused.code, "unpacked" in refused.what) == ("workbook_too_large", True)
    assert peak < 8 << 20


def test_a_part_that_is_larger_than_it_says_breaks_off(tmp_path: Path):
    content = bytearray(sheet(line(HEADER) + line(GOOD) * 10_000))
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"xl/worksheets/sheet1.xml"))
    content[at + 24 : at + 28] = (200).to_bytes(4, "little")  # Its size, unpacked, in the directory.
    assert refusal(tmp_path, bytes(content)).code == "workbook_unreadable"


def test_two_cells_in_opposite_corners_take_no_memory(tmp_path: Path):
    data = line(HEADER) + line(GOOD) + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    tracemalloc.start()
    found = cells(tmp_path, sheet(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(row, number) for row, number, _ in found] == [(1, 2), (2, 1_048_576)]
    assert peak < 8 << 20


def test_a_long_sheet_is_read_in_flat_memory(tmp_path: Path):
    path = tmp_path / "long.xlsx"
    path.write_bytes(workbook([dict(zip(HEADER, (f"SJ-{n}", *GOOD[1:]), strict=True)) for n in range(30_000)]))
    layout = layout_of(path, SERVICE_JOB)
    tracemalloc.start()
    count = sum(1 for _ in records_of(path, layout))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 30_000
    assert peak < 8 << 20
