"""Judging by columns has the verdicts of judging row by row, value for value and error for error."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from intake_files import SAMPLES, sample_maker

from dispatch.application.intake.chunks import ROWS_PER_CHUNK, good_columns_maker, judged_chunks
from dispatch.application.intake.columns import column_reader_of
from dispatch.application.intake.fields import ValueRefused, reader_of
from dispatch.application.intake.frames import Frame, encoded
from dispatch.application.intake.judge import good_rows, judge
from dispatch.application.intake.layout import Layout, find_layout, read_layout
from dispatch.application.intake.profiles import SERVICE_JOB, Column, Kind, Profile, profile_named
from dispatch.application.intake.profiles.profile import TARGETS
from dispatch.application.intake.records import Records
from dispatch.application.intake.row import GoodRow, RowReader, good_row_maker
from dispatch.application.intake.seen import SeenKeys
from dispatch.domain.consent import Permission
from dispatch.domain.person import Person

PLAIN = {
    Kind.TEXT: ["SJ-1", "Ann Smith", "O'Brien"],
    Kind.MONEY: ["85", "£1,234.56", "9500p"],
    Kind.DATE: ["2026-11-23", "23/11/2026", "23 Nov 2026"],
    Kind.PHONE: ["07700 900123", "+44 (0)7700 900123", "0044 1632 960001", "447700900123", "4477009001", "7700900123"],
    Kind.EMAIL: ["ann@example.org", "a.b+c@post.example.com", "Ann@Example.ORG"],
    Kind.POSTCODE: ["LS1 4AP", "sw1a1aa", "GIR 0AA", "EC1A 1BB"],
    Kind.CHOICE: ["boiler_service", "CP12", "eicr"],
    Kind.YES_NO: ["yes", "n", "x"],
    Kind.LAWFUL_BASIS: ["contract", "Soft opt-in"],
    Kind.WHOLE_NUMBER: ["1", "1,250", "007"],
    Kind.WEBSITE: ["example.com", "https://www.Example.co.uk/about?x=1", "http://a-b.example.org:8080"],
}
ODD = [
    "", " ", "\t", "\n", "\r", "\r\n", "\0", "\x1c", "\x85", "\u00a0", "\u2028", "ß", "Σ", "İ", "x" * 65, "x" * 300,
    "-", ".", "@", "()", "(0)", "+44", "44", "0044", "0", "1", "TBC", "(5)", "ann@example.test", "ann@localhost",
    "07700 9001", "01632 960001 ext 5", "LS1  4AP", "LS1 4AP\n", "ann@@example.org", f"{'a' * 63}@example.org",
    f"a@{'b' * 60}.example.org", "ann@bücher.example", "ＡＢ1 2CD", "٠٧٧٠٠٩٠٠١٢٣",
]  # fmt: skip
PARTS = st.sampled_from([*ODD, *(text for texts in PLAIN.values() for text in texts)]) | st.text(max_size=12)
CELLS = PARTS | st.lists(PARTS, max_size=3).map("".join) | st.lists(PARTS, max_size=3).map(" ".join)


def columns_of(cells: list[str], column: Column) -> list[object]:
    """Values or the reason why not, cell by cell."""
    read, found = reader_of(column), list[object]()
    for cell in cells:
        try:
            found.append(read(cell))
        except ValueRefused:
            found.append(ValueRefused)
    return found


@pytest.mark.parametrize("personal", [True, False])
@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("kind", Kind)
@given(data=st.data())
def test_a_column_has_the_values_of_its_cells(kind: Kind, required: bool, personal: bool, data: st.DataObject):
    column = Column(
        name="x",
        kind=kind,
        to="details",
        required=required,
        personal=personal,
        length_max=40,
        pattern=data.draw(st.sampled_from(["", "[A-Z]{2}-[0-9]{1,3}"])) if kind is Kind.TEXT else "",
        choices=SERVICE_JOB.column("service").choices if kind is Kind.CHOICE else {},
    )
    read = column_reader_of(column)
    for _ in range(2):  # The second time from memory.
        cells = data.draw(st.lists(CELLS | st.sampled_from(PLAIN.get(kind, ODD)), min_size=1, max_size=20))
        refused: set[int] = set()
        found = list(read(cells, refused))
        expected = columns_of(cells, column)
        assert {place for place, value in enumerate(expected) if value is ValueRefused} == refused
        assert [v for i, v in enumerate(found) if i not in refused] == [v for v in expected if v is not ValueRefused]
        assert [type(v) for i, v in enumerate(found) if i not in refused] == [
            type(v) for v in expected if v is not ValueRefused
        ]


def test_what_a_column_can_ask_for_is_what_columns_know():
    """A new rule of `Column` that changes how TEXT, PHONE, EMAIL or POSTCODE is read belongs in columns.py too."""
    assert Column.__struct_fields__ == (
        "name", "kind", "to", "aliases", "required", "personal", "length_max", "pattern", "pence_min", "pence_max",
        "number_min", "number_max", "choices",
    )  # fmt: skip


def by_rows(
    rows: Iterable[tuple[int, int, list[str]]], profile: Profile, layout: Layout
) -> tuple[list[GoodRow], list[tuple[int, int]], list[int]]:
    """Good rows, refused ones with their lines, duplicates; judged one by one."""
    read, make, seen = RowReader(profile, layout), good_row_maker(profile), SeenKeys()
    good, refused, duplicates = list[GoodRow](), list[tuple[int, int]](), list[int]()
    for row, line, cells in rows:
        try:
            values = read(cells)
        except ValueRefused:
            refused.append((row, line))
            continue
        key = read.natural_key(values)
        good.append(make(row, key, values)) if seen.add(key) else duplicates.append(row)
    return good, refused, duplicates


def by_columns(
    rows: Iterable[tuple[int, int, list[str]]], profile: Profile, layout: Layout
) -> tuple[list[GoodRow], list[tuple[int, int]], list[int]]:
    make, seen = good_columns_maker(profile), SeenKeys()
    good, refused, duplicates = list[GoodRow](), list[tuple[int, int]](), list[int]()
    for chunk in judged_chunks(rows, profile, layout):
        fresh = seen.add_all(chunk.keys)
        kept = chunk.keep(fresh)
        good += Frame(kept.rows, kept.keys, encoded(make(kept))).good_rows()
        refused += [(row, line) for row, line, _ in chunk.refused]
        duplicates += [row for row, is_fresh in zip(chunk.rows, fresh, strict=True) if not is_fresh]
    return good, refused, duplicates


CELLS_OF = {
    column.name: st.one_of(
        *(st.sampled_from(PLAIN[column.kind]) for _ in range(12)), CELLS if column.name == "notes" else PARTS
    )
    for column in SERVICE_JOB.columns
}
HEADERS = st.sampled_from([
    list(CELLS_OF),
    ["reference", "service", "price", "customer_name", "postcode"],
    ["postcode", "ignored", "price", "service", "customer_name", "reference", "email", "phone"],
])  # fmt: skip


@given(data=st.data(), header=HEADERS)
def test_rows_are_the_same_by_columns_and_one_by_one(data: st.DataObject, header: list[str]):
    found = find_layout(",".join(header).encode() + b"\n", SERVICE_JOB, is_whole=True)
    assert found
    cells = st.tuples(*(CELLS_OF.get(name, PARTS) for name in header)).map(list)
    lists = data.draw(st.lists(st.one_of(cells, cells, cells, st.lists(PARTS, max_size=16)), max_size=25))
    rows = [(number, 2 * number, one) for number, one in enumerate(lists, 1)]
    assert by_columns(rows, SERVICE_JOB, found[0]) == by_rows(rows, SERVICE_JOB, found[0])


@pytest.mark.parametrize("count", [1, ROWS_PER_CHUNK, 2 * ROWS_PER_CHUNK + 17])
def test_a_sample_is_judged_the_same_in_chunks(tmp_path, count: int):
    path = tmp_path / "sample.csv"
    duplicates = 30 if count > 1 else 0
    sample_maker().write(path, count, 0.2 if count > 1 else 0, duplicates, 7)
    layout = read_layout(path, SERVICE_JOB)
    good, refused, twice = by_rows(Records(path, layout), SERVICE_JOB, layout)
    assert by_columns(Records(path, layout), SERVICE_JOB, layout) == (good, refused, twice)
    told: list[GoodRow] = []
    found = judge(path, SERVICE_JOB, on_good=lambda frame: told.extend(frame.good_rows()))
    assert (found.accepted, found.rejected, found.duplicates) == (len(good), len(refused), len(twice))
    assert told == good == list(good_rows(path, SERVICE_JOB))
    assert [row.row for row in good_rows(path, SERVICE_JOB, after_row=count // 2)] == [
        row.row for row in good if row.row > count // 2
    ]


def test_errors_are_those_of_the_rows():
    path = SAMPLES / "service-jobs.csv"
    layout = read_layout(path, SERVICE_JOB)
    read = RowReader(SERVICE_JOB, layout)
    errors = [
        read.explain(refusal, row, line)
        for row, line, cells in Records(path, layout)
        for refusal in read.refusals(cells)
    ]
    found = judge(path, SERVICE_JOB)
    assert list(found.errors) == errors
    assert found.errors_by_code == dict(sorted(Counter(error.code.value for error in errors).items()))


COMPANIES = profile_named("company-outreach", 1)  # Of version 2, a company without a contact will do.
COMPANY_CELLS = [
    st.one_of(*(st.sampled_from(PLAIN.get(column.kind, ODD)) for _ in range(6)), st.just(""), PARTS)
    for column in COMPANIES.columns
]


@given(rows=st.lists(st.tuples(*COMPANY_CELLS).map(list), min_size=1, max_size=25))
def test_what_is_fixed_and_what_one_of_several_columns_must_have_is_the_same_by_columns(rows: list[list[str]]):
    found = find_layout(COMPANIES.header().encode() + b"\n", COMPANIES, is_whole=True)
    assert found
    numbered = [(number, number + 1, cells) for number, cells in enumerate(rows, 1)]
    assert by_columns(numbered, COMPANIES, found[0]) == by_rows(numbered, COMPANIES, found[0])


@given(st.lists(st.lists(st.integers(0, 300).map(str), max_size=400), max_size=12))
@example([["a"] * 3, ["a", "b"]])
def test_keys_are_seen_at_once_as_one_by_one(lists: list[list[str]]):
    at_once, one_by_one = SeenKeys(), SeenKeys()
    assert [at_once.add_all(keys) for keys in lists] == [[one_by_one.add(key) for key in keys] for keys in lists]


def test_chunks_make_whole_persons_and_permissions():
    """Rows are made with each field by name: whoever adds a field adds it to `good_columns_maker` too."""
    of_files = {"name", "email", "phone", "address", "postcode", "notes"}
    of_messages, of_companies = {"device", "subject", "content"}, {"slots"}
    assert set(Person.__struct_fields__) == of_files | of_messages | of_companies | {"encrypted"}
    assert {target.removeprefix("person.") for target in TARGETS if target.startswith("person.")} == of_files
    assert set(Permission.__struct_fields__) == {"basis", "consent_on", "statement", "sale_ref", "objected"}
