"""Generated files of which it is known what must become of each row: for the property tests of the intake."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

COLUMNS = (
    "reference",
    "service",
    "price",
    "customer_name",
    "phone",
    "email",
    "address",
    "postcode",
    "preferred_date",
    "lawful_basis",
    "consent_date",
    "opted_out",
    "notes",
)
BAD = {  # Column: values that it refuses, each with the code.
    "service": [("mow the lawn", "unknown_choice"), ("", "missing_value"), ("89.00", "unknown_choice")],
    "price": [
        ("cheap", "invalid_money"),
        ("0", "out_of_range"),
        ("-5.00", "out_of_range"),
        ("1.234", "invalid_money"),
        ("", "missing_value"),
        ("999999999", "out_of_range"),
    ],
    "customer_name": [("", "missing_value"), ("n" * 121, "value_too_long")],
    "phone": [("12345", "invalid_phone"), ("call me", "invalid_phone"), ("+1 212 555 0123", "invalid_phone")],
    "email": [("ann.example.org", "invalid_email"), ("ann@", "invalid_email"), ("a b@example.org", "invalid_email")],
    "postcode": [("", "missing_value"), ("ABC", "invalid_postcode"), ("LS1 4CP", "invalid_postcode")],
    "preferred_date": [("31/02/2026", "invalid_date"), ("tomorrow", "invalid_date"), ("01/01/1812", "out_of_range")],
    "lawful_basis": [("because", "unknown_choice")],
    "consent_date": [("2026-13-01", "invalid_date")],
    "opted_out": [("maybe", "unknown_choice")],
    "notes": [("n" * 1001, "value_too_long")],
}
SERVICES = ("boiler_service", "Boiler Servicing", "EICR", "gutter cleaning", " chimney sweep ")
PRICES = ("89.00", "£1,234.56", "89", "8900p", "GBP 12.5")
PHONES = ("", "07700 900123", "+44 1632 960001", "020 7946 0123")
POSTCODES = ("LS1 4AP", "sw1a1aa", "M1 1AE", "EH16 5AA")
DATES = ("", "2026-12-01", "01/12/2026", "1 Dec 2026", "01.12.2026")


@dataclass
class Generated:
    """A file, and what judging it must find."""

    content: bytes
    rows: int
    accepted: list[int] = field(default_factory=list)  # Data rows from 1.
    rejected: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    errors: dict[tuple[int, str], str] = field(default_factory=dict)  # Row and column: code.
    personal: list[str] = field(default_factory=list)  # Values that nothing may show.

    @property
    def by_code(self) -> dict[str, int]:
        codes = sorted(self.errors.values())
        return {code: codes.count(code) for code in codes}


# What a CSV file can carry: any text without NUL, lone surrogates, and characters that splitlines() would make rows of.
_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20
)
_WITH_BREAKS = st.lists(_TEXT, min_size=1, max_size=3).map("\n".join)
_NAMES = st.sampled_from(["Zenobia Quillfeather", "O'Brien, Tadhg", 'Anna "Nan" Smith', "Siân ap Rhys", "李小龍"])


@st.composite
def _rows(draw: st.DrawFn) -> tuple[dict[str, str], set[str]]:
    """A row, and which of its columns were made bad."""
    row = {
        "reference": "",  # Filled in by the file.
        "service": draw(st.sampled_from(SERVICES)),
        "price": draw(st.sampled_from(PRICES)),
        "customer_name": draw(_NAMES),
        "phone": draw(st.sampled_from(PHONES)),
        "email": draw(st.sampled_from(("", "zenobia@canary.example.org", "Tadhg.OBrien@EXAMPLE.com"))),
        "address": draw(st.one_of(st.just("1 High Street, Leeds"), _WITH_BREAKS)),
        "postcode": draw(st.sampled_from(POSTCODES)),
        "preferred_date": draw(st.sampled_from(DATES)),
        "lawful_basis": draw(st.sampled_from(("", "contract", "Soft opt-in", "none"))),
        "consent_date": draw(st.sampled_from(DATES)),
        "opted_out": draw(st.sampled_from(("", "yes", "N", "0"))),
        "notes": draw(_WITH_BREAKS),
    }
    bad = draw(st.one_of(st.just(set()), st.just(set()), st.sets(st.sampled_from(sorted(BAD)), min_size=1, max_size=4)))
    return row, bad


@st.composite
def files(draw: st.DrawFn, *, min_rows: int = 1, max_rows: int = 12) -> Generated:
    """A file in one of the dialects that are taken in, with good, bad, repeated and blank rows."""
    delimiter = draw(st.sampled_from(",;\t|"))
    newline = draw(st.sampled_from(("\n", "\r\n")))
    quoting = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    order = draw(st.permutations(COLUMNS))
    extra = draw(st.booleans())
    drawn = draw(st.lists(st.tuples(_rows(), st.integers(0, 9)), min_size=min_rows, max_size=max_rows))

    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerow([*order, *(["internal remark"] if extra else [])])
    made, taken = Generated(b"", len(drawn)), set[str]()
    for number, ((row, bad), chance) in enumerate(drawn, 1):
        if chance == 0:
            text.write(draw(st.sampled_from((newline, delimiter * (len(order) - 1 + extra) + newline, f"  {newline}"))))
        reference = f"sj-{draw(st.integers(1, 4))}" if chance < 4 else f"SJ-N{number}"
        row["reference"] = reference if chance % 2 else reference.upper()
        for column in sorted(bad):
            row[column], code = draw(st.sampled_from(BAD[column]))
            made.errors[number, column] = code
        if chance == 9:
            row["reference"] = ""
            made.errors[number, "reference"] = "missing_value"
        cells = [row[column] for column in order] + (["for us"] if extra else [])
        if chance == 8:  # A cell too many: the row is refused as a whole, whatever else is wrong with it.
            made.errors = {place: code for place, code in made.errors.items() if place[0] != number}
            made.errors[number, "row"] = "wrong_number_of_cells"
            cells.append("one more")
        _classify(made, taken, number, row["reference"])
        made.personal += [row[column] for column in ("customer_name", "phone", "email", "postcode") if row[column]]
        writer.writerow(cells)
    content = text.getvalue()
    if draw(st.booleans()):
        content = content.removesuffix(newline)
    made.content = (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + content.encode()
    return made


def _classify(made: Generated, taken: set[str], number: int, reference: str) -> None:
    if any(row == number for row, _ in made.errors):
        made.rejected.append(number)
    elif reference.upper() in taken:
        made.duplicates.append(number)
    else:
        made.accepted.append(number)
        taken.add(reference.upper())


def cuts(content: bytes) -> st.SearchStrategy[list[int]]:
    """Places at which an upload is cut into pieces."""
    return st.lists(st.integers(0, len(content)), max_size=8).map(sorted)


def pieces(content: bytes, places: Sequence[int]) -> list[bytes]:
    """The content in pieces, some of them empty."""
    ends = [*places, len(content)]
    return [content[start:end] for start, end in zip([0, *places], ends, strict=True)]
