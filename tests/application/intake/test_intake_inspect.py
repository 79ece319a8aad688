"""What the inspector says of files, good and bad."""

import hashlib
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_files import GOOD, HEADER, SAMPLES, feed, goods, inspect

from dispatch.application.intake.inspect import FileInspector, inspect_file
from dispatch.application.intake.layout import find_layout, read_layout
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.source import open_source

MIB = 1 << 20


def refusal(content: bytes | str, path: Path | None = None, **limits: int) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        inspect(content, path, **limits)
    refused = caught.value
    assert refused.what
    assert refused.where
    assert refused.fix
    assert "\n" not in str(refused)
    return refused


@pytest.mark.acceptance("1.01")
def test_the_hash_is_taken_while_the_file_arrives():
    content = (HEADER + GOOD).encode()
    facts = inspect(content, chunk_bytes=7)
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    assert (facts.bytes, facts.lines) == (len(content), 2)
    assert facts.layout.header == ("reference", "service", "price", "customer_name", "postcode")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_delimiters_newlines_and_marks_are_found(delimiter: str, newline: str, mark: bytes):
    content = (HEADER + GOOD).replace(",", delimiter).replace("\n", newline)
    layout = inspect(mark + content.encode()).layout
    assert (layout.delimiter, layout.newline, layout.has_bom) == (delimiter, newline, bool(mark))
    assert layout.header[0] == "reference"


def test_headers_are_known_by_their_aliases_whatever_their_case_and_spacing():
    layout = inspect("File #,SERVICE_TYPE, Fixed Price ,Full-Name,Post Code,Shoe size\nA,b,1,c,LS1 4AP,9\n").layout
    assert [layout.positions[i] for i in (0, 1, 2, 3, 7)] == [0, 1, 2, 3, 4]
    assert layout.positions[4] == -1
    assert layout.ignored == ("Shoe size",)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\r\n  \n"])
def test_an_empty_file_is_refused(content: bytes):
    assert refusal(content).code == "file_empty"


@pytest.mark.parametrize("content", [HEADER, HEADER.strip(), HEADER + "\n\n", HEADER + ",,,,\n"])
def test_a_header_alone_is_refused(content: str):
    assert refusal(content).code == "no_rows"


def test_a_file_without_a_header_is_refused_without_showing_its_data():
    refused = refusal("SJ-1,boiler_service,89.00,Ann Smith,LS1 4AP\n" * 3)
    assert refused.code == "header_missing"
    assert "reference,service,price" in refused.fix
    assert "Ann" not in str(refused)


@pytest.mark.parametrize(("delimiter", "named"), [(":", "':' (U+003A)"), ("^", "'^'"), (" ", "spaces")])
def test_an_unknown_delimiter_is_named(delimiter: str, named: str):
    refused = refusal((HEADER + GOOD).replace(",", delimiter))
    assert refused.code == "delimiter_unknown"
    assert named in refused.what


def test_cp1252_bytes_are_found_with_place_and_guess():
    content = (HEADER + goods(3)).encode() + "SJ-9,boiler_service,£89,Ann,LS1 4AP\n".encode("cp1252")
    refused = refusal(content)
    assert refused.code == "encoding_not_utf8"
    assert "0xA3" in refused.what
    assert "cp1252" in refused.what
    assert refused.where == f"line 5, byte offset {content.index(0xA3)}"
    assert "CSV UTF-8" in refused.fix


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_recognised(encoding: str):
    refused = refusal((HEADER + GOOD).encode(encoding))
    assert refused.code == "encoding_not_utf8"
    assert "utf-16" in refused.what


def test_a_character_cut_off_by_the_end_is_refused():
    refused = refusal((HEADER + GOOD).encode() + b"\xe2\x82")
    assert (refused.code, refused.where) == ("encoding_not_utf8", f"line 3, byte offset {len(HEADER + GOOD)}")


def test_a_nul_byte_is_refused():
    refused = refusal(HEADER + GOOD + "SJ-2,\0\n")
    assert (refused.code, refused.where) == ("nul_byte", f"line 3, byte offset {len(HEADER + GOOD) + 5}")


def test_an_unclosed_quote_is_named_by_line_and_row(tmp_path: Path):
    content = HEADER + '"SJ-1","boiler_service",89,"Ann\nSmith",LS1 4AP\n' + goods(2, 2)
    content += 'SJ-4,boiler_service,89,"Ann,LS1 4AP\n' + goods(500, 5)
    refused = refusal(content, tmp_path / "file.csv")
    assert (refused.code, refused.where) == ("quote_unclosed", "line 6, row 4")


def test_an_unclosed_quote_before_more_than_the_csv_module_holds(tmp_path: Path):
    content = HEADER + 'SJ-1,boiler_service,89,"Ann,LS1 4AP\n' + goods(5000, 2)
    refused = refusal(content, tmp_path / "file.csv")
    assert (refused.code, refused.where) == ("quote_unclosed", "line 2, row 1")


def test_an_unclosed_quote_in_the_header_is_refused():
    assert refusal('reference,"service,price\n' + goods(3)).code == "quote_unclosed"
    assert refusal('reference,"service,price\n' + goods(9000)).code == "quote_unclosed"


def test_a_lone_quote_inside_a_value_is_no_fault(tmp_path: Path):
    assert inspect(HEADER + GOOD.replace("Ann", '5" pipe'), tmp_path / "file.csv").lines == 2


def test_a_line_of_200_mb_is_refused_after_one_mebibyte():
    fed = 0

    def chunks() -> Iterator[bytes]:
        nonlocal fed
        yield (HEADER + GOOD).encode()
        for _ in range(200 * 16):
            fed += 1 << 16
            yield b"x" * (1 << 16)

    tracemalloc.start()
    try:
        with pytest.raises(FileRefused) as caught:
            feed(chunks())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (caught.value.code, caught.value.where) == ("line_too_long", "line 3")
    assert fed < 1.5 * MIB
    assert peak < 3 * MIB


def test_a_first_line_without_end_is_refused():
    assert refusal(b"x" * (2 * MIB)).code == "line_too_long"


def test_a_line_of_exactly_the_limit_passes():
    line = GOOD.strip() + "x" * (300 - len(GOOD.strip()))
    assert inspect(HEADER + line + "\n", line_bytes_max=300).lines == 2
    assert refusal(HEADER + line + "x\n", line_bytes_max=300).code == "line_too_long"


def test_a_file_over_the_limit_is_refused():
    assert inspect(HEADER + GOOD, file_bytes_max=len(HEADER + GOOD)).lines == 2
    assert refusal(HEADER + GOOD, file_bytes_max=len(HEADER + GOOD) - 1).code == "file_too_large"


def test_missing_columns_are_named_with_the_nearest_header():
    refused = refusal("reference,servcie,customer_name,postcode\nA,b,c,d\n")
    assert refused.code == "columns_missing"
    assert "service, price" in refused.what
    assert refused.fix == "rename column 2 to service; add price"


def test_two_headers_for_one_column_are_refused():
    refused = refusal("reference,Job Ref,service,price,name,postcode\nA,B,c,1,d,e\n")
    assert refused.code == "columns_duplicated"
    assert "'Job Ref' (column 2)" in refused.what


def test_sources_that_cannot_be_opened_say_so(tmp_path: Path):
    (tmp_path / "jobs.csv").write_text("x")
    for path, code in ((tmp_path, "file_is_directory"), (tmp_path / "jbos.csv", "file_missing")):
        with pytest.raises(FileRefused) as caught:
            open_source(path)
        assert caught.value.code == code
        assert str(path) in str(caught.value)
    assert "jobs.csv" in caught.value.fix
    with pytest.raises(FileRefused) as caught:
        open_source(tmp_path / "jobs.csv" / "below")
    assert caught.value.code == "file_unreadable"
    with open_source(str(tmp_path / "jobs.csv")) as file:
        assert file.read() == b"x"


BROKEN = [
    HEADER.encode() + goods(9).encode() + b"\xe9,\xe9\n",
    HEADER.encode() + goods(9).encode() + b"a\0b\n",
    HEADER.encode() + goods(9).encode() + b"x" * 900 + b"\n",
    HEADER.encode() + ("é" * 70 + "\n").encode() * 5 + b"\xc3",
    b"a,b,c\n" * 30,
]


@given(
    content=st.one_of(
        st.sampled_from(BROKEN),
        st.sampled_from([(SAMPLES / "service-jobs-too-many-errors.csv").read_bytes()]),
        st.lists(st.sampled_from(["reference", "service", ",", '"', "\n", "\r\n", "é", "\0", "x" * 99, GOOD])).map(
            lambda parts: (HEADER + "".join(parts)).encode()
        ),
        st.binary(max_size=400),
    ),
    cuts=st.lists(st.integers(1, 97), min_size=1, max_size=9),
)
def test_how_a_file_is_cut_never_changes_the_answer(content: bytes, cuts: list[int]):
    def answer(chunks: list[bytes]) -> object:
        try:
            return feed(chunks, line_bytes_max=256)
        except FileRefused as refused:
            return refused.args

    chunks, at, turn = [], 0, 0
    while at < len(content):
        chunks.append(content[at : at + cuts[turn % len(cuts)]])
        at, turn = at + len(chunks[-1]), turn + 1
    assert answer(chunks) == answer([content])


def test_the_layout_of_a_kept_file_is_read_again_from_its_head():
    path = SAMPLES / "service-jobs.csv"
    assert read_layout(path, SERVICE_JOB) == inspect_file(path, SERVICE_JOB).layout


def test_a_cut_header_is_waited_for():
    assert find_layout(b"reference,service,pri", SERVICE_JOB, is_whole=False) is None
    inspector = FileInspector(SERVICE_JOB)
    for byte in (HEADER + GOOD).encode():
        inspector.feed(bytes([byte]))
    assert inspector.finish().layout.delimiter == ","


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("".join(map(chr, range(0x2000, 0x2C00))) * 6, "header_missing"),  # Each could be meant as the delimiter.
        ('"' + "\n" * 65_000, "quote_unclosed"),
        ('"' + "\n" * 70_000, "quote_unclosed"),
    ],
    ids=["symbols", "line breaks", "more line breaks"],
)
def test_a_strange_header_is_refused_at_once(head: str, code: str):
    """Found by fuzzing: the first took more than five seconds, the others half a second for each look."""
    started = time.process_time()
    with pytest.raises(FileRefused) as refused:
        inspect(head)
    assert refused.value.code == code
    assert time.process_time() - started < 1


def test_a_header_that_ran_into_a_row_shows_nobody():
    """Found by fuzzing: the nearest cell of a broken header was quoted, with the address that stood in it."""
    header = HEADER.strip().replace("customer_name", '"7 Wychelm Row, customer_name"')
    refused = refusal(f"{header}\n{GOOD}")
    assert refused.code == "columns_missing"
    assert refused.fix == "rename column 4 to customer_name"
    assert "Wychelm" not in str(refused)
