"""Judging every row before anything is recorded, and reading the good ones again."""

import csv
import io
import tempfile
import tracemalloc
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_files import GOOD, HEADER, SAMPLES, goods, inspect, sample_maker

from dispatch.application.intake.judge import Judgement, good_rows, judge
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.seen import SeenKeys
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.person import Person
from dispatch.domain.rows import Budget, RowCode


def judged(tmp_path: Path, content: str, **options: int) -> Judgement:
    path = tmp_path / "file.csv"
    path.write_bytes(content.encode())
    return judge(path, SERVICE_JOB, **options)


@pytest.mark.acceptance("1.12")
def test_every_row_is_judged_and_counted(tmp_path: Path):
    content = HEADER + goods(3) + GOOD.replace("89.00", "TBC") + "\n,,,,\n" + GOOD + GOOD.replace("SJ-1", "SJ-4")
    judgement = judged(tmp_path, content)
    assert (judgement.rows, judgement.accepted, judgement.rejected, judgement.duplicates) == (6, 4, 1, 1)
    assert judgement.errors_by_code == {"invalid_money": 1}


@pytest.mark.acceptance("1.15")
@pytest.mark.acceptance("1.04")
def test_an_error_says_what_where_and_how_to_mend_it(tmp_path: Path):
    content = HEADER + 'SJ-1,boiler_service,89,"Ann\nSmith",LS1 4AP\n\n' + "SJ-2,boiler servce,(5),Bob,Leeds\n"
    errors = judged(tmp_path, content).errors
    assert [(e.row, e.line, e.column, e.code) for e in errors] == [
        (2, 5, "service", RowCode.CHOICE),
        (2, 5, "price", RowCode.RANGE),
        (2, 5, "postcode", RowCode.POSTCODE),
    ]
    assert (errors[0].found, errors[0].fix) == ("boiler servce", "did you mean boiler_service?")
    assert (errors[1].found, errors[1].expected) == ("(5)", "an amount from £0.01 to £100,000.00")
    assert errors[2].found == "xxxxx"


@pytest.mark.parametrize(
    ("row", "found"), [("SJ-1,boiler_service,89,Ann\n", "4 cells"), (GOOD.strip() + ",x\n", "6 cells")]
)
def test_a_row_with_another_number_of_cells_is_refused(tmp_path: Path, row: str, found: str):
    (error,) = judged(tmp_path, HEADER + row + GOOD).errors
    assert (error.code, error.column, error.found) == (RowCode.CELLS, "row", found)
    assert error.expected == "5 cells, as in the header"
    assert "comma" in error.fix


@pytest.mark.acceptance("1.04")
def test_errors_are_stored_up_to_a_cap_per_code_and_counted_without_one(tmp_path: Path):
    content = HEADER + "SJ-1,boiler_service,TBC,Ann,Leeds\n" * 30 + "SJ-1,nothing,1,Ann,LS1 4AP\n"
    judgement = judged(tmp_path, content, errors_per_code_max=10)
    assert judgement.errors_by_code == {"invalid_money": 30, "invalid_postcode": 30, "unknown_choice": 1}
    assert Counter(error.code.value for error in judgement.errors) == {
        "invalid_money": 10,
        "invalid_postcode": 10,
        "unknown_choice": 1,
    }
    assert judgement.rejected == 31


def test_a_key_belongs_to_its_first_good_row_whatever_its_case(tmp_path: Path):
    content = HEADER + GOOD.replace("89.00", "TBC") + GOOD + GOOD.replace("SJ-1", " sj-1 ") + GOOD.replace("89.00", "x")
    judgement = judged(tmp_path, content)
    assert (judgement.accepted, judgement.rejected, judgement.duplicates) == (1, 2, 1)
    assert [row.row for row in good_rows(tmp_path / "file.csv", SERVICE_JOB)] == [2]


def test_a_good_row_has_what_opening_a_job_needs(tmp_path: Path):
    path = tmp_path / "file.csv"
    path.write_text(
        "ref;service;price;name;tel;e-mail;address;post code;"
        "notes;date wanted;basis;consent given;statement;opt out;extra\n"
        "sj-7;CP12;£1,234.56;Siân Lloyd;07700 900123;S@Example.com;1 High St;cf101aa;"
        "Ring;23/11/2026;consent;1.2.2026;v3;y;?\n",
        encoding="utf-8",
    )
    (row,) = good_rows(path, SERVICE_JOB)
    assert (row.row, row.natural_key, row.reference) == (1, "SJ-7", "sj-7")
    assert (row.service, row.price_pence) == ("gas_safety_certificate", 123456)
    assert row.person == Person(
        name="Siân Lloyd",
        email="S@example.com",
        phone="+447700900123",
        address="1 High St",
        postcode="CF10 1AA",
        notes="Ring",
    )
    assert row.permission == Permission(basis=Basis.CONSENT, consent_on=date(2026, 2, 1), statement="v3", objected=True)
    assert row.details == {"preferred_date": "2026-11-23"}


@pytest.mark.parametrize(
    ("broken", "code", "where"),
    [
        ('SJ-8,boiler_service,1,"Ann,LS1 4AP\n', "quote_unclosed", "line 4, row 3"),
        ('SJ-8,boiler_service,1,"Ann\n\n"x,LS1 4AP\n', "quote_unclosed", "line 4, row 3"),
        ('"SJ\n8",boiler_service,1,"Ann,LS1 4AP\n', "quote_unclosed", "line 5, row 3"),
        ('SJ-8,boiler_service,1,"Ann" Smith,LS1 4AP\n', "quote_misplaced", "line 4, row 3"),
        (f"SJ-8,boiler_service,1,{'x' * 140_000},LS1 4AP\n", "field_too_long", "line 4, row 3"),
    ],
)
def test_a_file_that_breaks_in_the_middle_is_refused(tmp_path: Path, broken: str, code: str, where: str):
    with pytest.raises(FileRefused) as caught:
        judged(tmp_path, HEADER + goods(2) + broken)
    assert (caught.value.code, caught.value.where) == (code, where)


def test_a_file_without_rows_is_refused(tmp_path: Path):
    with pytest.raises(FileRefused) as caught:
        judged(tmp_path, HEADER + "\n ,,,,\n")
    assert caught.value.code == "no_rows"


def test_progress_is_told_to_the_end(tmp_path: Path):
    path = tmp_path / "file.csv"
    path.write_text(HEADER + goods(2500))
    told: list[tuple[int, int]] = []
    judge(path, SERVICE_JOB, on_progress=lambda rows, read: told.append((rows, read)))
    assert [rows for rows, _ in told] == [1000, 2000, 2500]
    assert told[-1][1] == path.stat().st_size
    assert [read for _, read in told] == sorted(read for _, read in told)


@pytest.mark.acceptance("1.02")
def test_the_samples_stand_on_both_sides_of_the_budget():
    judgement = judge(SAMPLES / "service-jobs.csv", SERVICE_JOB)
    assert (judgement.rows, judgement.accepted, judgement.rejected, judgement.duplicates) == (500, 476, 20, 4)
    assert len(judgement.errors_by_code) == 10  # Every code of a row.
    assert not Budget().broken(judgement.rejected, judgement.rows)
    judgement = judge(SAMPLES / "service-jobs-too-many-errors.csv", SERVICE_JOB)
    assert (judgement.rows, judgement.rejected) == (40, 6)
    assert Budget().reason(judgement.rejected, judgement.rows) == "Error rate 15.0% exceeded threshold 10%"


def test_the_committed_samples_are_what_the_generator_writes(tmp_path: Path):
    maker = sample_maker()
    for name, arguments in (
        ("service-jobs.csv", (500, 0.04, 4, 2026)),
        ("service-jobs-too-many-errors.csv", (40, 0.15, 0, 40)),
    ):
        maker.write(tmp_path / name, *arguments)
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()


def test_nobody_real_is_in_the_sample():
    with (SAMPLES / "service-jobs.csv").open(newline="", encoding="utf-8") as file:
        addresses = {row["email"].rpartition("@")[2] for row in csv.DictReader(file) if "@" in row["email"]}
    assert addresses <= {"example.com", "example.org", "example.net", "post.example", "mail.example"}
    drama = ("+447700900", "+441632960", "+442079460", "+442896496", "+442920180", "+441914980")
    phones = [row.person.phone for row in good_rows(SAMPLES / "service-jobs.csv", SERVICE_JOB) if row.person.phone]
    assert all(phone.startswith(drama) or phone[6:10] == "4960" for phone in phones)


def test_memory_stays_flat(tmp_path: Path):
    def peaks(rows: int) -> tuple[int, int]:
        path = tmp_path / f"{rows}.csv"
        path.write_text(HEADER + goods(rows - rows // 50) + GOOD.replace("89.00", "TBC") * (rows // 50))
        tracemalloc.start()
        try:
            assert judge(path, SERVICE_JOB, errors_per_code_max=5).rows == rows
            judging = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            assert sum(1 for _ in good_rows(path, SERVICE_JOB)) == rows - rows // 50
            return judging, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peaks(100)  # What is loaded once is loaded.
    for small, large in zip(peaks(2_000), peaks(40_000), strict=True):
        assert large - small < 1_000_000  # The table of hashes while it doubles; the rows would take 15 MB.


def test_seen_keys_are_a_set():
    seen = SeenKeys()
    keys = [f"SJ-{number % 3000}" for number in range(6000)]
    assert [seen.add(key) for key in keys] == [True] * 3000 + [False] * 3000


CELLS = {
    "reference": st.sampled_from(["SJ-1", "sj-1 ", "SJ-2", "SJ-3", "", "a;b,c|d", 'say "hi"']),
    "service": st.sampled_from(["boiler_service", "CP12", "nothing", ""]),
    "price": st.sampled_from(["85", "£1,234.56", "(5)", "TBC", ""]),
    "customer_name": st.sampled_from(["Ann", "Ann\nSmith", "", "x" * 121]),
    "postcode": st.sampled_from(["LS1 4AP", "sw1a1aa", "Leeds", " "]),
}
ROWS = st.lists(
    st.one_of(
        st.tuples(*CELLS.values()).map(list),
        st.just(["SJ-4", "oven clean", "69", "Bob", "M1 1AE"]),
        st.lists(st.sampled_from(["x", ""]), max_size=7),
    ),
    max_size=30,
)


@given(rows=ROWS, delimiter=st.sampled_from(",;\t|"), newline=st.sampled_from(["\n", "\r\n"]), after=st.integers(0, 30))
def test_every_row_is_in_exactly_one_class_and_judging_repeats(
    rows: list[list[str]], delimiter: str, newline: str, after: int
):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline)
    writer.writerow(CELLS)
    writer.writerows(rows)
    counted = [row for row in rows if "".join(row).strip()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        if not counted:
            with pytest.raises(FileRefused, match="no row"):
                inspect(text.getvalue(), path)
            return
        layout = inspect(text.getvalue(), path).layout
        judgement = judge(path, SERVICE_JOB, layout)
        good = list(good_rows(path, SERVICE_JOB, layout))
        assert judge(path, SERVICE_JOB) == judgement
        assert list(good_rows(path, SERVICE_JOB, after_row=after)) == [row for row in good if row.row > after]
    assert judgement.rows == len(counted)
    assert judgement.rows == judgement.accepted + judgement.rejected + judgement.duplicates
    assert len(good) == judgement.accepted == len({row.natural_key for row in good})
    bad = {error.row for error in judgement.errors}
    assert len(bad) == judgement.rejected
    assert bad.isdisjoint(row.row for row in good)
    assert sum(judgement.errors_by_code.values()) == len(judgement.errors)
    assert all(" ".join(counted[row.row - 1][0].split()) == row.reference for row in good)


@given(
    st.lists(
        st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "\u2028", "\x0b", "\ufeff", "é", " ", "SJ-5", GOOD, "x"])
    ).map("".join)
)
def test_whatever_follows_the_header_is_judged_or_refused(rest: str):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        try:
            judgement = judge(path, SERVICE_JOB, inspect(HEADER + rest, path).layout)
        except FileRefused as why:
            answer = why.code
        else:
            answer = "judged"
            assert judgement.rows == judgement.accepted + judgement.rejected + judgement.duplicates > 0
    assert answer in {"judged", "no_rows", "quote_unclosed", "quote_misplaced"}


def many(bad_first: int, good: int, bad_last: int = 0) -> str:
    bad = GOOD.replace("89.00", "TBC")
    return HEADER + bad * bad_first + goods(good) + bad * bad_last


@pytest.mark.acceptance("1.13", part="judging stops where the budget cannot hold any more, and says at which row")
def test_judging_stops_where_nothing_can_save_the_budget(tmp_path: Path):
    found = judged(tmp_path, many(3_000, 17_000), budget=Budget(10))
    assert (found.stopped_at_row, found.rows, found.rejected, found.accepted) == (2_001, 2_001, 2_001, 0)
    assert found.rows_at_most == 20_000
    assert Budget(10).broken(found.rejected, found.rows_at_most)
    assert not Budget(10).broken(found.rejected - 1, found.rows_at_most)


@pytest.mark.parametrize(
    ("content", "percent"),
    [(many(2_000, 18_000), 10), (many(0, 17_000, 3_000), 10), (many(900, 8_100), 5), (many(3_000, 17_000), 100)],
    ids=["the budget holds", "hardly a row is spared", "a small file", "no budget"],
)
def test_judging_goes_to_the_end_where_stopping_spares_little_or_the_budget_may_hold(
    tmp_path: Path, content: str, percent: int
):
    found = judged(tmp_path, content, budget=Budget(percent))
    assert found.stopped_at_row == found.rows_at_most == 0
    assert found == judged(tmp_path, content)


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 100), st.sampled_from(["\n", "\r\n", "\r"]))
def test_stopping_early_never_changes_the_verdict(flags: list[bool], percent: int, newline: str):
    lines = [HEADER.strip(), *(GOOD.strip().replace("SJ-1", f"SJ-{n}") for n, _ in enumerate(flags))]
    rows = [line if n == 0 or flags[n - 1] else line.replace("89.00", "TBC") for n, line in enumerate(lines)]
    budget = Budget(percent)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("dispatch.application.intake.judge.ROWS_SPARED_MIN", 1)
        path = Path(folder) / "file.csv"
        path.write_bytes(newline.join([*rows, ""]).encode())
        if not flags:
            return
        stopped, whole = judge(path, SERVICE_JOB, budget=budget), judge(path, SERVICE_JOB)
    assert budget.broken(stopped.rejected, stopped.rows) >= budget.broken(whole.rejected, whole.rows)
    if stopped.stopped_at_row:
        assert budget.broken(whole.rejected, whole.rows)
        assert stopped.rows < whole.rows <= stopped.rows_at_most
    else:
        assert stopped == whole


def test_the_accepted_rows_are_told_as_they_are_read_again(tmp_path: Path):
    told: list[object] = []
    content = HEADER + goods(5) + GOOD.replace("89.00", "TBC") + GOOD + goods(3, first=9)
    judged(tmp_path, content, on_good=lambda frame: told.extend(frame.good_rows()))
    assert told == list(good_rows(tmp_path / "file.csv", SERVICE_JOB))
    assert len(told) == 8


def test_lines_that_end_in_different_ways_are_all_counted(tmp_path: Path):
    """Half of the rows end with LF and half with CR: the second half is good, and saves the budget."""
    bad = goods(6_000).replace("89.00", "TBC")
    good = goods(54_000, first=10_001).replace("\n", "\r")
    path = tmp_path / "file.csv"
    path.write_bytes((HEADER + bad + good).encode())
    assert judge(path, SERVICE_JOB, budget=Budget(10)) == judge(path, SERVICE_JOB)
    assert judge(path, SERVICE_JOB).rows == 60_000
