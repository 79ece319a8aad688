"""Given sends and receipts, then rows: what was said of each message, and jobs that a receipt alone does not move."""

from datetime import timedelta

import psycopg
import pytest
from following import catch_up

from dispatch.application.ports.ledger import Append
from dispatch.domain.job.events import JobDelivered, ReceiptRecorded, RetryScheduled, StageCompleted, StageFailed
from dispatch.domain.job.receipt_status import ReceiptStatus
from examples import NOON
from ledgers import cause, new_id, opened_job

pytestmark = pytest.mark.postgres
DELIVERED, FAILED = ReceiptStatus.DELIVERED, ReceiptStatus.FAILED
DUE = NOON + timedelta(hours=1)


def sent(job_id, message_id="m-1", provider="main"):
    output = {"message_id": message_id, "provider": provider}
    return StageCompleted(job_id=job_id, at=NOON, stage="dispatch", attempt=1, next_stage="confirm", output=output)


def said(job_id, status, *, contradicts=False, message_id="m-1"):
    return ReceiptRecorded(
        job_id=job_id, at=NOON, provider="main", message_id=message_id, status=status, said_at=NOON, code="7",
        contradicts=contradicts,
    )  # fmt: skip


def rows(database_url, statement):
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.parametrize("together", [True, False], ids=["in one step", "step by step"])
@pytest.mark.parametrize(
    ("statuses", "shown", "contradicted"),
    [
        ([], "pending", False),
        ([FAILED], "failed", False),
        ([DELIVERED], "delivered", False),
        ([FAILED, DELIVERED], "delivered", True),
        ([DELIVERED, FAILED], "delivered", True),
    ],
)
def test_a_message_shows_what_counts(ledger, projector, database_url, together, statuses, shown, contradicted):
    job_id = new_id()
    receipts = [said(job_id, status, contradicts=n > 0) for n, status in enumerate(statuses)]
    for version, event in enumerate([opened_job(job_id), sent(job_id), *receipts]):
        ledger.append([Append(job_id, version, [event], cause())])
        if not together:
            catch_up(projector)
    catch_up(projector)
    [row] = rows(database_url, "SELECT provider, message_id, job_id::text, receipt, contradicted FROM ops.messages")
    assert row == ("main", "m-1", job_id, shown, contradicted)


def test_messages_of_two_providers_may_have_one_id_and_the_first_job_keeps_it(ledger, projector, database_url):
    first, second, third = new_id(), new_id(), new_id()
    for job_id, provider in ((first, "main"), (second, "spare"), (third, "main")):
        ledger.append([Append(job_id, 0, [opened_job(job_id), sent(job_id, provider=provider)], cause())])
        catch_up(projector)
    shown = rows(database_url, "SELECT provider, job_id::text FROM ops.messages ORDER BY provider")
    assert shown == [("main", first), ("spare", second)]


def test_a_receipt_alone_leaves_the_job_due_as_it_was(ledger, projector, database_url):
    job_id = new_id()
    failed = StageFailed(job_id=job_id, at=NOON, stage="confirm", attempt=1, error_code="timeout", transient=True)
    retry = RetryScheduled(job_id=job_id, at=NOON, stage="confirm", attempt=2, due_at=DUE)
    ledger.append([Append(job_id, 0, [opened_job(job_id), sent(job_id), failed, retry], cause())])
    catch_up(projector)
    ledger.append([Append(job_id, 4, [said(job_id, FAILED)], cause())])
    catch_up(projector)
    statement = "SELECT status, stage, attempts, error_code, due_at, version FROM ops.jobs"
    assert rows(database_url, statement) == [("waiting", "confirm", 1, "timeout", DUE, 5)]


def test_a_receipt_after_the_end_leaves_the_job_ended(ledger, projector, database_url):
    job_id = new_id()
    confirmed = StageCompleted(job_id=job_id, at=NOON, stage="confirm", attempt=1, next_stage="")
    done = [opened_job(job_id), sent(job_id), confirmed, JobDelivered(job_id=job_id, at=NOON)]
    ledger.append([Append(job_id, 0, done, cause())])
    ledger.append([Append(job_id, 4, [said(job_id, FAILED)], cause())])
    catch_up(projector)
    assert rows(database_url, "SELECT status, due_at, version FROM ops.jobs") == [("delivered", None, 5)]
