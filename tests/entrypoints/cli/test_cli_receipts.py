"""`dispatch provider receipts`: how many came, and what waits."""

import pytest

from dispatch.application.ports.receipts import Receipt
from dispatch.domain.job.receipt_status import ReceiptStatus
from examples import NOON

pytestmark = pytest.mark.postgres


def test_receipts_are_counted_and_what_waits_is_shown(run, system):
    said = {"provider": "texter", "said_at": NOON}
    stranger = Receipt(status=ReceiptStatus.FAILED, message_id="m-stranger", code="30003", **said)
    unsure = Receipt(status=ReceiptStatus.PENDING, message_id="m-1", **said)
    system.app.take_receipts("texter", [stranger, stranger, unsure])
    shown = run("provider", "receipts", "--json").json()
    [total] = shown["totals"]
    assert (total["received"], total["repeated"], total["pending"], total["waiting"]) == (3, 1, 1, 1)
    [waiting] = shown["waiting"]
    assert (waiting["message_id"], waiting["status"], waiting["code"]) == ("m-stranger", "failed", "30003")
    told = run("provider", "receipts")
    assert told.code == 0
    assert "m-stranger" in told.out
    assert run("provider", "receipts", "--limit", "0").code == 2
