"""A file that its supplier has changed is reported once, with what changed; a file of bad rows is not."""

import pytest
from intake_desk import Desk
from intake_files import GOOD, HEADER, goods

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.domain.batch.events import BatchJudged, BatchRejected, RowsRefused
from dispatch.domain.batch.state import BatchStatus

WITH_PHONE = "reference,service,price,customer_name,phone,postcode,preferred_date\n"


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "files", MemoryLedger())


def rejected(desk, content):
    received = desk.bring(content)
    assert desk.admit(received.batch_id) is BatchStatus.REJECTED
    events = desk.ledger.load(received.batch_id).events
    [last] = [event for event in events if isinstance(event, BatchRejected)]
    return last, events


def rows(count, **changed):
    values = {"price": "89.00", "phone": "07700 900123", "postcode": "LS1 4AP", "date": "2026-11-23"} | changed
    line = "SJ-{0},boiler_service,{price},Zenobia Quill,{phone},{postcode},{date}\n"
    return WITH_PHONE + "".join(line.format(number, **values) for number in range(1, count + 1))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            rows(50, price="EUR 85;00"),
            "Column price: 50 of 50 values refused (invalid_money); they look like 'xxx 99;99'",
        ),
        (rows(50, date="11/23/2026"), "Column preferred_date: 50 of 50 values refused (invalid_date); they look like"),
        (rows(50, price=""), "Column price: 50 of 50 values refused (missing_value); the column is empty"),
        (
            rows(50, phone="LS1 4AP", postcode="07700 900123"),
            "Column phone: 50 of 50 values refused (invalid_phone); they look like values of postcode; "
            "Column postcode: 50 of 50 values refused (invalid_postcode); they look like values of phone",
        ),
    ],
    ids=["another currency", "American dates", "an empty column", "swapped columns"],
)
def test_a_changed_file_is_one_finding(desk, content, told):
    last, events = rejected(desk, content)
    assert last.code == "file_drifted"
    assert last.reason.startswith(told)
    assert last.reason.endswith("The file has changed, or needs another profile")
    assert "Zenobia" not in last.reason
    assert "900123" not in last.reason
    assert sum(len(event.errors) for event in events if isinstance(event, RowsRefused)) == 20
    [judged] = [event for event in events if isinstance(event, BatchJudged)]
    assert sum(judged.errors_by_code.values()) >= 50, "counted all the same"


def test_many_bad_rows_are_bad_rows(desk):
    bad = "".join(GOOD.replace("SJ-1", f"SJ-{n}").replace("89.00", "TBC") for n in range(100, 180))
    last, events = rejected(desk, HEADER + goods(20) + bad)
    assert (last.code, last.reason) == ("error_budget_exceeded", "Error rate 80.0% exceeded threshold 10%")
    assert sum(len(event.errors) for event in events if isinstance(event, RowsRefused)) == 80


def test_in_a_small_file_it_may_be_chance(desk):
    last, _ = rejected(desk, rows(19, price="TBC"))
    assert last.code == "error_budget_exceeded"


def test_a_column_that_nobody_needs_may_drift_within_the_budget(desk):
    received = desk.receive([rows(50, date="soon").encode()], SERVICE_JOB, "jobs.csv", error_threshold_percent=100)
    assert desk.admit(received.batch_id) is BatchStatus.PROCESSING
