"""The repair loop: refused rows come out as a file, come back corrected, and become jobs, until the batch is whole."""

import pytest
from intake_desk import Desk, as_csv
from intake_files import HEADER, goods

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.account import account
from dispatch.application.intake.correction_file import BatchUnreadable
from dispatch.application.intake.refused import FileRefused
from dispatch.domain.batch.events import BatchJudged, CorrectionJudged, RowsRefused, RowsRepaired
from dispatch.domain.batch.refusals import BatchNotJudged, BatchUnknown, BatchWhole
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.identity import job_ids

BAD = "SJ-{0},boiler_service,cheap,Ann Smith,LS1 4AP\n"
WITH_PHONE = "Job Ref;row;Price;Service;Customer;Phone;Post Code;Colour\n"


def bads(count, first=9001):
    return "".join(BAD.format(number) for number in range(first, first + count))


def events(desk, batch_id, kind):
    return [event for event in desk.ledger.load(batch_id).events if isinstance(event, kind)]


def rows(desk, batch_id):
    return sorted(job.row for job in desk.jobs(batch_id))


def mended(lines, *numbers, price="12.00"):
    return [line | {"price": price} for line in lines if not numbers or int(line["row"]) in numbers]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "files", MemoryLedger())


@pytest.fixture
def admitted(desk):
    """Twenty good rows, then two that are refused: 21 and 22."""
    batch_id = desk.bring(HEADER + goods(20) + bads(2)).batch_id
    assert desk.take_in(batch_id) is BatchStatus.PROCESSING
    return batch_id


@pytest.fixture
def rejected(desk):
    """Two good rows, four that are refused: 3 to 6."""
    batch_id = desk.bring(HEADER + goods(2) + bads(4)).batch_id
    assert desk.take_in(batch_id) is BatchStatus.REJECTED
    return batch_id


@pytest.mark.acceptance("1.15", part="every refused row comes out with what is wrong with it, to be mended")
def test_the_file_for_correction_holds_each_refused_row_and_why(desk, admitted):
    first, second = desk.to_correct(admitted)
    assert first == {
        "reference": "SJ-9001",
        "service": "boiler_service",
        "price": "cheap",
        "customer_name": "Ann Smith",
        "postcode": "LS1 4AP",
        "row": "21",
        "code": "invalid_money",
        "field": "price",
        "expected": "an amount in pounds, such as 85.00 or £1,234.56",
        "found": "cheap",
        "fix": "write pounds and pence in digits, with a point before the pence",
    }
    assert second["row"] == "22"


def test_several_refusals_of_a_row_stand_side_by_side_in_one_line(desk):
    batch_id = desk.bring(HEADER + goods(9) + "SJ-10,boiler_service,cheap,Ann Smith,nowhere\n").batch_id
    desk.take_in(batch_id)
    [line] = desk.to_correct(batch_id)
    assert (line["code"], line["field"]) == ("invalid_money; invalid_postcode", "price; postcode")
    assert line["found"] == "cheap; xxxxxxx", "of a personal value only the shape, also here"


def test_all_refused_rows_come_out_also_those_beyond_the_cap_of_stored_errors(desk):
    batch_id = desk.bring(HEADER + goods(1) + bads(1_200)).batch_id
    desk.take_in(batch_id)
    stored = sum(len(event.errors) for event in events(desk, batch_id, RowsRefused))
    assert stored <= 1_000
    assert len(desk.to_correct(batch_id)) == 1_200


def test_the_file_suits_the_spreadsheet_that_made_the_original(desk):
    """Its delimiter, its header, columns that nobody knows; a column called `row` keeps its name."""
    lines = "SJ-1;a;9;boiler_service;Ann;+44 7700 900123;nowhere;=1+1\nSJ-2;b;9;boiler_service;Bo;;LS1 4AP;red\n"
    batch_id = desk.bring(WITH_PHONE + lines, error_threshold_percent=50).batch_id
    desk.take_in(batch_id)
    content = desk.correction_file(batch_id).decode()
    header, line, end = content.split("\r\n")
    helpers = ("row_2", "code", "field", "expected", "found", "fix")
    assert header == "\ufeff" + ";".join(f'"{name}"' for name in (*WITH_PHONE.strip().split(";"), *helpers))
    assert line.startswith('"SJ-1";"a";"9";"boiler_service";"Ann";"\'+44 7700 900123";"nowhere";"\'=1+1";"1";')
    assert end == ""
    desk.correct(batch_id, content.replace("nowhere", "LS1 4AP"))
    desk.take_in(batch_id)
    assert {job.row: job.person.phone for job in desk.jobs(batch_id)} == {1: "+447700900123", 2: ""}


def test_a_row_with_too_many_or_too_few_cells_comes_out_whole(desk):
    broken = "SJ-1,boiler_service,9,Smith, Ann,LS1 4AP\nSJ-2,boiler_service\n"
    batch_id = desk.bring(HEADER + broken + goods(1, first=3)).batch_id
    desk.take_in(batch_id)
    first, second = desk.to_correct(batch_id)
    assert (first["customer_name"], first["postcode"], first["code"]) == (
        "Smith",
        " Ann,LS1 4AP",
        "wrong_number_of_cells",
    )
    assert (second["price"], second["postcode"], second["field"]) == ("", "", "row")
    fixed = [first | {"customer_name": "Smith, Ann", "postcode": "LS1 4AP"}]
    fixed += [second | {"price": "9", "customer_name": "Bo", "postcode": "LS1 4AP"}]
    desk.correct(batch_id, as_csv(fixed))
    assert desk.take_in(batch_id) is BatchStatus.PROCESSING
    assert rows(desk, batch_id) == [1, 2, 3]


@pytest.mark.acceptance("1.04", part="refused rows come back corrected and become jobs under their own row numbers")
def test_corrected_rows_of_an_admitted_batch_become_jobs(desk, admitted):
    corrected = desk.correct(admitted, as_csv(mended(desk.to_correct(admitted), 22)))
    assert (corrected.correction, corrected.rows, corrected.rejudges, corrected.duplicate) == (1, 1, False, False)
    assert desk.take_in(admitted) is BatchStatus.PROCESSING
    assert rows(desk, admitted) == [*range(1, 21), 22]
    batch = desk.batch(admitted)
    assert (batch.rows, batch.accepted, batch.rejected, batch.jobs) == (22, 21, 1, 21)
    [judged] = events(desk, admitted, CorrectionJudged)
    assert (judged.rows, judged.accepted, judged.rejected, judged.ignored) == (1, 1, 0, 0)
    assert judged.errors_by_code == {"invalid_money": 1}
    opened = next(job for job in desk.jobs(admitted) if job.row == 22)
    assert opened.job_id == job_ids(admitted, batch.received_at)(22)
    assert [line["row"] for line in desk.to_correct(admitted)] == ["21"]
    names = desk.names()
    assert names.index("RowsRepaired") == len(names) - 3, "its marker, its job, and the counts at the end"


def test_a_batch_is_whole_once_nothing_is_refused_and_takes_no_more(desk, admitted):
    desk.correct(admitted, as_csv(mended(desk.to_correct(admitted))))
    desk.take_in(admitted)
    batch = desk.batch(admitted)
    assert (batch.rejected, batch.jobs) == (0, 22)
    assert desk.to_correct(admitted) == []
    counted = account(desk.ledger, admitted)
    assert (counted.rows, counted.open, counted.rejected, counted.repaired, counted.errors_by_code) == (
        22,
        22,
        0,
        2,
        {},
    )
    assert counted.adds_up
    with pytest.raises(BatchWhole):
        desk.correct(admitted, HEADER.replace("\n", ",row\n") + "A,boiler_service,9,Ann,LS1 4AP,21\n")


def test_the_same_corrections_again_are_a_duplicate(desk, admitted):
    content = as_csv(mended(desk.to_correct(admitted)))
    assert not desk.correct(admitted, content).duplicate
    assert desk.correct(admitted, content).duplicate, "before they are judged"
    desk.take_in(admitted)
    assert desk.correct(admitted, content).duplicate, "and after it"
    assert desk.correct(admitted, content).correction == 1
    assert len(events(desk, admitted, RowsRepaired)) == 1


def test_rows_that_are_not_refused_are_ignored_and_counted(desk, admitted):
    lines = desk.to_correct(admitted)
    again = [lines[0] | {"price": "12", "row": number} for number in ("1", "21", "500", "0")]
    desk.correct(admitted, as_csv(again))
    desk.take_in(admitted)
    [judged] = events(desk, admitted, CorrectionJudged)
    assert (judged.rows, judged.accepted, judged.ignored) == (4, 1, 3)
    assert next(job for job in desk.jobs(admitted) if job.row == 1).reference == "SJ-1"


def test_what_is_still_wrong_comes_out_as_it_was_sent_last(desk, admitted):
    lines = desk.to_correct(admitted)
    desk.correct(admitted, as_csv([lines[0] | {"price": "dear"}, lines[1] | {"price": "7"}]))
    desk.take_in(admitted)
    [judged] = events(desk, admitted, CorrectionJudged)
    assert (judged.accepted, judged.rejected, judged.errors_by_code) == (1, 1, {"invalid_money": 1})
    [refused] = [event for event in events(desk, admitted, RowsRefused) if event.correction == 1]
    assert [(error.row, error.found) for error in refused.errors] == [(21, "dear")]
    [left] = desk.to_correct(admitted)
    assert (left["row"], left["price"], left["found"]) == ("21", "dear", "dear")


def test_a_corrected_row_whose_reference_is_known_is_a_duplicate(desk, admitted):
    lines = desk.to_correct(admitted)
    desk.correct(admitted, as_csv([lines[0] | {"price": "7", "reference": "SJ-1"}, lines[1] | {"price": "7"}]))
    desk.take_in(admitted)
    batch = desk.batch(admitted)
    assert (batch.jobs, batch.duplicates, batch.rejected) == (21, 1, 0)
    [repaired] = events(desk, admitted, RowsRepaired)
    assert (repaired.rows, repaired.duplicates) == ((22,), (21,))
    assert account(desk.ledger, admitted).adds_up


def test_corrections_of_a_rejected_batch_have_all_of_it_judged_again(desk, rejected):
    corrected = desk.correct(rejected, as_csv(mended(desk.to_correct(rejected), 3, 4)))
    assert corrected.rejudges
    assert desk.take_in(rejected) is BatchStatus.REJECTED, "2 of 6 are still too many"
    assert desk.batch(rejected).rejected == 2
    desk.correct(rejected, as_csv(mended(desk.to_correct(rejected))))
    assert desk.take_in(rejected) is BatchStatus.PROCESSING
    assert rows(desk, rejected) == [1, 2, 3, 4, 5, 6]
    assert [event.rejected for event in events(desk, rejected, BatchJudged)] == [4, 2, 0]
    assert account(desk.ledger, rejected).adds_up


def test_a_good_row_stays_as_it_is_whatever_comes_later(desk, rejected):
    lines = desk.to_correct(rejected)
    desk.correct(rejected, as_csv(mended(lines, 3)))
    desk.take_in(rejected)
    desk.correct(rejected, as_csv([*mended(lines, 4, 5, 6), lines[0]]))  # An old copy: row 3 is wrong in it.
    assert desk.take_in(rejected) is BatchStatus.PROCESSING
    assert rows(desk, rejected) == [1, 2, 3, 4, 5, 6]


def test_columns_may_stand_in_any_order_and_optional_ones_may_be_missing(desk):
    header = HEADER.strip() + ",notes\n"
    batch_id = desk.bring(header + "SJ-1,boiler_service,cheap,Ann,LS1 4AP,side gate\n").batch_id
    desk.take_in(batch_id)
    desk.correct(batch_id, "Post Code,row,service,name,ref,price\nLS1 4AP,1,boiler_service,Ann,SJ-1,9\n")
    assert desk.take_in(batch_id) is BatchStatus.PROCESSING
    [job] = desk.jobs(batch_id)
    assert (job.person.notes, job.price_pence) == ("side gate", 900)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (HEADER + goods(1), "row_column_missing"),
        (HEADER.replace("\n", ",row,Row\n") + goods(1).replace("\n", ",1,1\n"), "row_column_missing"),
        (HEADER.replace("\n", ",row\n") + goods(1).replace("\n", ",\n"), "row_number_invalid"),
        (HEADER.replace("\n", ",row\n") + goods(1), "row_number_invalid"),
        (HEADER.replace("\n", ",row\n") + goods(1).replace("\n", ",x1\n"), "row_number_invalid"),
        (HEADER.replace("\n", ",row\n") + 2 * goods(1).replace("\n", ",21\n"), "row_number_repeated"),
        (HEADER.replace("\n", ",row\n") + goods(1).replace("\n", ",21,more\n"), "row_cells_surplus"),
        (HEADER.replace("\n", ",row,phone\n") + goods(1).replace("\n", ",21,07700900123\n"), "column_not_in_file"),
        (
            HEADER.replace("price,", "").replace("\n", ",row\n") + "SJ-1,boiler_service,Ann,LS1 4AP,21\n",
            "columns_missing",
        ),
        (HEADER.replace("\n", ",row\n"), "no_rows"),
        ("", "file_empty"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_whole(desk, admitted, content, code):
    stored = set(desk.stored())
    with pytest.raises(FileRefused) as refused:
        desk.correct(admitted, content)
    assert refused.value.code == code
    assert set(desk.stored()) == stored, "nothing half-written"
    assert desk.batch(admitted).corrections == ()


def test_refused_commands_keep_no_file(desk, admitted):
    desk.correct(admitted, as_csv(mended(desk.to_correct(admitted))))
    desk.take_in(admitted)
    stored = set(desk.stored())
    with pytest.raises(BatchWhole):
        desk.correct(admitted, HEADER.replace("\n", ",row\n") + "A,boiler_service,9,Ann,LS1 4AP,21\n")
    assert set(desk.stored()) == stored


def test_without_the_received_file_nothing_can_be_corrected_and_the_answer_says_how_to_go_on(desk, admitted):
    content = as_csv(mended(desk.to_correct(admitted)))
    desk.files.remove(desk.batch(admitted).file_hash)
    for ask in (lambda: desk.to_correct(admitted), lambda: desk.correct(admitted, content)):
        with pytest.raises(FileRefused) as refused:
            ask()
        assert refused.value.code == "file_gone"
        assert "upload the rows that are missing" in refused.value.fix


def test_a_file_that_breaks_in_the_middle_is_to_be_mended_itself(desk):
    batch_id = desk.bring(HEADER + goods(5) + 'SJ-6,"boiler" service,89.00,Ann Smith,LS1 4AP\n').batch_id
    desk.take_in(batch_id)
    with pytest.raises(BatchUnreadable):
        desk.to_correct(batch_id)
    with pytest.raises(BatchUnreadable):
        desk.correct(batch_id, "")


def test_before_it_is_judged_there_is_nothing_to_correct(desk):
    batch_id = desk.bring(HEADER + bads(1)).batch_id
    with pytest.raises(BatchNotJudged):
        desk.write_correction_file(batch_id)
    with pytest.raises(BatchUnknown):
        desk.write_correction_file(batch_id.replace("8", "9"))
