"""Rows as JSON objects: one a line, in an array, or in an array inside an object."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_files import inspect

from dispatch.application.intake.formats import Format
from dispatch.application.intake.judge import Judgement, good_rows, judge, rows_at_most_of
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.reading import read_layout, records_of
from dispatch.application.intake.refused import FileRefused
from dispatch.domain.rows import Budget, RowCode

GOOD = {"Job Ref": "SJ-1", "service": "cp12", "price": 89.5, "name": "Ann Smith", "postcode": "LS1 4AP"}


def good(number: int, **changed: object) -> dict[str, object]:
    return GOOD | {"Job Ref": f"SJ-{number}"} | changed


def goods(count: int) -> list[dict[str, object]]:
    return [good(number) for number in range(1, count + 1)]


def ndjson(*rows: object) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


FORMS = {
    "lines": lambda rows: ndjson(*rows),
    "array": json.dumps,
    "indented array": lambda rows: "\n " + json.dumps(rows, indent=2) + "\n",
    "wrapped": lambda rows: json.dumps({"rows": rows}),
    "wrapped among others": lambda rows: json.dumps({"v": 1, "x": {"rows": []}, "rows": rows, "end": [1]}, indent=1),
    "marked": lambda rows: "\ufeff" + json.dumps(rows),
    "no last line break": lambda rows: ndjson(*rows).rstrip(),
    "Windows lines": lambda rows: ndjson(*rows).replace("\n", "\r\n"),
    "blank lines": lambda rows: "\n" + ndjson(*rows).replace("\n", "\n\n"),
}


def judged(tmp_path: Path, content: str, **options: object) -> Judgement:
    path = tmp_path / "file"
    inspect(content, path)
    return judge(path, SERVICE_JOB, **options)


def refusal(content: str | bytes, tmp_path: Path, chunk_bytes: int = 1 << 20) -> FileRefused:
    def take() -> None:
        inspect(content, tmp_path / "file", chunk_bytes=chunk_bytes)
        judge(tmp_path / "file", SERVICE_JOB)

    with pytest.raises(FileRefused) as caught:
        take()
    assert caught.value.what
    assert caught.value.where
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_same_rows(tmp_path: Path, form: str):
    path = tmp_path / "file"
    facts = inspect(FORMS[form](goods(3)), path, chunk_bytes=11)
    assert facts.layout == read_layout(path, SERVICE_JOB)
    found = [(row.row, row.reference, row.service, row.price_pence) for row in good_rows(path, SERVICE_JOB)]
    assert found == [(n, f"SJ-{n}", "gas_safety_certificate", 8950) for n in (1, 2, 3)]


def test_lines_of_rows_are_named(tmp_path: Path):
    path = tmp_path / "file"
    inspect(json.dumps(goods(2), indent=1), path)
    assert [(row, line) for row, line, _ in records_of(path, read_layout(path, SERVICE_JOB))] == [(1, 2), (2, 9)]


@pytest.mark.parametrize(
    ("value", "text"), [("85.00", "85.00"), ("1e3", "1e3"), ("true", "true"), ("null", ""), ('"a\\u00e9"', "aé")]
)
def test_plain_values_are_the_text_that_was_written(tmp_path: Path, value: str, text: str):
    path = tmp_path / "file"
    inspect(f'{{"reference": "SJ-1", "notes": {value}, "shoe size": {{"eu": 44}}}}', path)
    layout = read_layout(path, SERVICE_JOB)
    [(_, _, cells)] = records_of(path, layout)
    assert (cells[0], cells[-1]) == ("SJ-1", text)
    assert layout.ignored == ("shoe size",)


@pytest.mark.acceptance("1.04", part="rows of JSON")
@pytest.mark.acceptance("1.15", part="rows of JSON")
def test_an_error_names_row_line_and_field(tmp_path: Path):
    judgement = judged(
        tmp_path,
        ndjson(
            good(1),
            "not JSON, Ann Smith",
            good(2, service={"kind": "cp12"}, postcode=None),
            "[1]",
            good(3, ref="SJ-4"),
            good(4, name="A\0", notes="\ud800"),
            good(5),
        ),
    )
    assert (judgement.rows, judgement.accepted, judgement.rejected) == (7, 2, 5)
    found = [(error.row, error.line, error.column, error.code, error.found) for error in judgement.errors]
    assert found == [
        (2, 2, "row", RowCode.NOT_JSON, "19 characters that are no JSON"),
        (3, 3, "service", RowCode.NESTED, "an object"),
        (3, 3, "postcode", RowCode.MISSING, ""),
        (4, 4, "row", RowCode.NOT_OBJECT, "a list"),
        (5, 5, "reference", RowCode.REPEATED, "two keys"),
        (6, 6, "customer_name", RowCode.UNWRITABLE, "U+0000"),
        (6, 6, "notes", RowCode.UNWRITABLE, "U+D800"),
    ]
    assert all(error.expected and error.fix for error in judgement.errors)


def test_an_object_without_anything_known_is_a_row_with_values_missing(tmp_path: Path):
    judgement = judged(tmp_path, ndjson(good(1), {}, {"shoe size": 44}))
    assert (judgement.rows, judgement.rejected) == (3, 2)
    assert judgement.errors_by_code == {"missing_value": 10}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("[]", "no_rows"),
        ('{"rows": []}', "no_rows"),
        ('{"rows": [', "json_malformed"),
        (json.dumps(GOOD, indent=1), "json_malformed"),
        (json.dumps(GOOD) * 2, "json_malformed"),
        ('{"reference": "SJ-1", }', "json_malformed"),
        ('{"reference": NaN}', "json_malformed"),
        (json.dumps(goods(3))[:-5], "json_malformed"),
        (json.dumps(goods(3))[:-1], "json_malformed"),
        (json.dumps(goods(3)) + "]", "json_malformed"),
        (json.dumps(goods(3)).replace("}, {", "} {"), "json_malformed"),
        (json.dumps(goods(3)).replace("]", ",]"), "json_malformed"),
        (json.dumps({"rows": goods(3)})[:-1] + ", 1}", "json_malformed"),
        ("[" * 100_000, "json_malformed"),
        ('{"colour": "red"}', "header_missing"),
        ('[{"reference": "SJ-1\0"}]', "nul_byte"),
        ('[{"reference": "' + "x" * (1 << 22) + '"}]', "line_too_long"),
        ('{"reference": "' + "x" * (1 << 22) + '"}', "line_too_long"),
        (ndjson(GOOD, {"reference": "x" * (1 << 21)}), "line_too_long"),
    ],
)
def test_a_file_that_is_not_what_it_seems_is_refused(tmp_path: Path, content: str, code: str):
    assert refusal(content, tmp_path).code == code
    if len(content) < 1000:
        assert refusal(content, tmp_path, chunk_bytes=3).code == code


def test_bytes_that_are_no_text_are_refused_in_json_too(tmp_path: Path):
    assert refusal(json.dumps(goods(2)).encode().replace(b"Ann", b"Zo\xeb"), tmp_path).code == "encoding_not_utf8"


@pytest.mark.parametrize("text", ["{reference},service\n", "[reference],[service]\n"])
def test_a_header_in_brackets_is_still_csv(tmp_path: Path, text: str):
    assert refusal(text + "a,b\n", tmp_path).code in {"header_missing", "columns_missing"}


def test_judging_stops_early_only_where_the_rows_can_be_counted(tmp_path: Path):
    bad = [good(number, price="TBC") for number in range(25_000)]
    lines = judged(tmp_path, ndjson(*bad), budget=Budget(10))
    assert 0 < lines.stopped_at_row < 25_000
    array = judged(tmp_path, json.dumps(bad), budget=Budget(10))
    assert (array.rows, array.stopped_at_row) == (25_000, 0)
    assert rows_at_most_of(tmp_path / "file", Format.JSON) == 0


@given(st.lists(st.sampled_from([*goods(3), {"a": [1, {"b": "}"}]}, 5, "x]"]), min_size=1), st.integers(1, 50))
def test_an_array_is_the_same_however_it_arrives(tmp_path_factory: pytest.TempPathFactory, rows: list, chunk: int):
    path = tmp_path_factory.mktemp("any") / "file"
    rows = [GOOD, *rows]
    layout = inspect(json.dumps(rows), path, chunk_bytes=chunk).layout
    assert sum(1 for _ in records_of(path, layout)) == len(rows)


def test_a_long_array_on_one_line_is_read_in_flat_memory(tmp_path: Path):
    path = tmp_path / "long.json"
    path.write_text(json.dumps(goods(60_000)))
    layout = read_layout(path, SERVICE_JOB)
    tracemalloc.start()
    count = sum(1 for _ in records_of(path, layout))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_000
    assert peak < 4 << 20
