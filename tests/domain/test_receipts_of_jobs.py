"""What a provider says of a message: once, at its job, and in whatever order the same in the end."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from dispatch.domain.errors import DomainError
from dispatch.domain.job.commands import (
    OUTCOME_UNKNOWN,
    ArchiveJob,
    Done,
    RecordOutcome,
    RecordReceipt,
    ResumeJob,
    SettleDoubt,
)
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import (
    DoubtSettled,
    JobArchived,
    JobDelivered,
    JobEscalated,
    JobResumed,
    ReceiptRecorded,
    RecipientRefused,
    RetryScheduled,
    StageCompleted,
    StageDeferred,
    StageFailed,
    StageStarted,
)
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.job.receipts import receipt_of
from dispatch.domain.job.refusals import JobUnknown, MessageNotSent, MessageOfAnotherProvider
from dispatch.domain.job.state import JobStatus
from dispatch.domain.retry import RetryPolicy
from examples import JOB_ID, NOON, opened
from given import Given

SAID = NOON - timedelta(seconds=3)
DELIVERED, FAILED, PENDING = ReceiptStatus.DELIVERED, ReceiptStatus.FAILED, ReceiptStatus.PENDING


def of_job(kind: type[Any], **fields: Any) -> Any:
    return kind(**{"job_id": JOB_ID, "at": NOON} | fields)


def say(status: ReceiptStatus, **fields: Any) -> RecordReceipt:
    named = {"message_id": "m-1"} if not fields.keys() & {"message_id", "idempotency_key"} else {}
    return of_job(RecordReceipt, **{"provider": "main", "status": status, "said_at": SAID} | named | fields)


def said(status: ReceiptStatus, **fields: Any) -> ReceiptRecorded:
    told = {"provider": "main", "message_id": "m-1", "status": status, "said_at": SAID}
    return of_job(ReceiptRecorded, **told | fields)


def confirmed(attempt: int = 1) -> list[Any]:
    output = {"receipt": "delivered", "provider": "main"}
    done = of_job(StageCompleted, stage="confirm", attempt=attempt, next_stage="", output=output)
    return [done, of_job(JobDelivered)]


at_dispatch = [opened, of_job(StageCompleted, stage="verify", attempt=1, next_stage="dispatch")]
started = of_job(StageStarted, stage="dispatch", attempt=1, idempotency_key=f"dispatch.{JOB_ID}", provider="main")
sent = of_job(
    StageCompleted,
    stage="dispatch",
    attempt=1,
    next_stage="confirm",
    output={"message_id": "m-1", "channel": "email", "provider": "main"},
)
at_confirm = [*at_dispatch, started, sent]
waiting = of_job(
    StageDeferred, stage="confirm", attempt=1, reason="receipt_awaited:main", due_at=NOON + timedelta(hours=1)
)
not_delivered = [
    of_job(StageFailed, stage="confirm", attempt=1, error_code="not_delivered", transient=False, provider="main"),
    of_job(JobEscalated, stage="confirm", reason="not_delivered", provider="main"),
]


@pytest.mark.parametrize("more", [[], [waiting]], ids=["before it is asked for", "while it is waited for"])
def test_a_delivered_message_completes_the_job_at_once(more: list[Any]):
    Given(decider, *at_confirm, *more).when(say(DELIVERED)).then(said(DELIVERED), *confirmed())


@pytest.mark.parametrize(
    "named",
    [
        {"idempotency_key": f"dispatch.{JOB_ID}"},
        {"idempotency_key": f"dispatch.{JOB_ID}", "message_id": "m-1"},
    ],
)
def test_a_message_may_be_named_by_the_key_that_it_was_sent_under(named: dict[str, str]):
    Given(decider, *at_confirm).when(say(DELIVERED, **named)).then(said(DELIVERED), *confirmed())


@pytest.mark.acceptance("X22", part="a message that its provider could not deliver goes before a person, with why")
def test_a_failed_message_brings_the_job_before_a_person():
    Given(decider, *at_confirm, waiting).when(say(FAILED, code="30003")).then(
        said(FAILED, code="30003"), *not_delivered
    )


def test_what_is_not_final_records_nothing():
    Given(decider, *at_confirm).when(say(PENDING)).then_nothing()


@pytest.mark.parametrize("status", [DELIVERED, FAILED])
def test_a_repeated_receipt_records_nothing(status: ReceiptStatus):
    first = decider.decide(say(status), decider.fold(at_confirm))
    later = say(status, at=NOON + timedelta(minutes=5), said_at=NOON)
    Given(decider, *at_confirm, *first).when(later).then_nothing()


@pytest.mark.parametrize(
    "named",
    [
        {"message_id": "m-2"},
        {"idempotency_key": f"dispatch.{JOB_ID}", "message_id": "m-2"},
        {"idempotency_key": f"verify.{JOB_ID}"},
        {"idempotency_key": "dispatch.another"},
    ],
)
def test_a_message_that_the_job_did_not_send_is_not_its_own(named: dict[str, str]):
    Given(decider, *at_confirm).when(say(DELIVERED, **named)).then_refused(MessageNotSent)


@pytest.mark.parametrize("so_far", [at_dispatch, [*at_dispatch, started]], ids=["not asked", "asked"])
def test_a_receipt_that_comes_before_the_send_is_recorded_has_to_wait(so_far: list[Any]):
    key = f"dispatch.{JOB_ID}"
    Given(decider, *so_far).when(say(DELIVERED, idempotency_key=key)).then_refused(MessageNotSent)
    Given(decider).when(say(DELIVERED)).then_refused(JobUnknown)


KEY = f"dispatch.{JOB_ID}"
BOTH = {"idempotency_key": KEY, "message_id": "m-1"}
timed_out = of_job(
    StageFailed, stage="dispatch", attempt=1, error_code="timeout", transient=True, provider="main", in_doubt=True
)
to_be_tried_again = [timed_out, of_job(RetryScheduled, stage="dispatch", attempt=2, due_at=NOON)]
before_a_person = [timed_out, of_job(JobEscalated, stage="dispatch", reason=OUTCOME_UNKNOWN, provider="main")]
in_doubt = {
    "crashed": (1, [*at_dispatch, started]),
    "tried again": (2, [*at_dispatch, started, *to_be_tried_again]),
    "before a person": (2, [*at_dispatch, started, *before_a_person]),
    "not sent, said a person": (
        2,
        [
            *[*at_dispatch, started, *before_a_person],
            of_job(DoubtSettled, stage="dispatch", happened=False, by="ann", note="not in their log"),
        ],
    ),
}


def settled(attempt: int, status: ReceiptStatus, *, was_escalated: bool, **output: str) -> list[Any]:
    by, note = "receipt:main", f"the provider sent a receipt: {status.value}"
    output = {"provider": "main", "settled_by": by} | output
    doubt = of_job(DoubtSettled, stage="dispatch", happened=True, by=by, note=note)
    done = of_job(StageCompleted, stage="dispatch", attempt=attempt, next_stage="confirm", output=output)
    return [doubt, done] if was_escalated else [done]


@pytest.mark.acceptance("2.22", part="a receipt settles a send that is in doubt: nothing is sent again")
@pytest.mark.parametrize("name", list(in_doubt))
@pytest.mark.parametrize("status", [DELIVERED, FAILED])
def test_a_receipt_settles_a_send_that_is_in_doubt(name: str, status: ReceiptStatus):
    attempt, history = in_doubt[name]
    send = settled(attempt, status, was_escalated=name == "before a person", message_id="m-1")
    ends = confirmed() if status is DELIVERED else not_delivered
    Given(decider, *history).when(say(status, **BOTH)).then(*send, said(status), *ends)
    first = decider.decide(say(status, **BOTH), decider.fold(history))
    Given(decider, *history, *first).when(say(status, **BOTH)).then_nothing()
    late = RecordOutcome(
        job_id=JOB_ID,
        at=NOON,
        stage="dispatch",
        attempt=attempt,
        outcome=Done({"message_id": "m-2"}),
        retry=RetryPolicy(),
        provider="main",
    )
    Given(decider, *history, *first).when(late).then_nothing()


def test_one_without_the_providers_id_waits_for_whoever_is_calling():
    """Its answer has the id; and of a worker that is dead, another one asks under the same key, or gives up."""
    by_key = say(DELIVERED, idempotency_key=KEY)
    Given(decider, *at_dispatch, started).when(by_key).then_refused(MessageNotSent)
    for name in ("tried again", "before a person", "not sent, said a person"):
        attempt, history = in_doubt[name]
        send = settled(attempt, DELIVERED, was_escalated=name == "before a person")
        Given(decider, *history).when(by_key).then(*send, said(DELIVERED, message_id=""), *confirmed())


def test_in_doubt_only_the_key_is_proof_and_only_of_the_one_who_was_asked():
    _, history = in_doubt["before a person"]
    Given(decider, *history).when(say(DELIVERED)).then_refused(MessageNotSent)
    Given(decider, *history).when(say(DELIVERED, idempotency_key=f"verify.{JOB_ID}")).then_refused(MessageNotSent)
    Given(decider, *history).when(say(DELIVERED, **BOTH, provider="spare")).then_refused(MessageOfAnotherProvider)
    Given(decider, *history).when(say(PENDING, **BOTH)).then_refused(MessageNotSent)


def test_a_contradiction_after_a_receipt_has_settled_ends_as_any_other():
    _, history = in_doubt["before a person"]
    failed = decider.decide(say(FAILED, **BOTH), decider.fold(history))
    resumed = of_job(JobResumed, stage="confirm", by="receipt:main")
    Given(decider, *history, *failed).when(say(DELIVERED)).then(
        said(DELIVERED, contradicts=True), resumed, *confirmed(attempt=2)
    )


@pytest.mark.parametrize("status", [DELIVERED, FAILED])
def test_after_a_person_has_said_that_it_was_sent_its_receipt_counts(status: ReceiptStatus):
    _, history = in_doubt["before a person"]
    found = decider.decide(of_job(SettleDoubt, by="ann", happened=True, note="in their log"), decider.fold(history))
    ends = confirmed() if status is DELIVERED else not_delivered
    Given(decider, *history, *found).when(say(status, **BOTH)).then(said(status), *ends)
    another = say(status, **BOTH, provider="spare")
    Given(decider, *history, *found).when(another).then_refused(MessageOfAnotherProvider)


def test_of_a_job_that_was_put_aside_in_doubt_it_is_recorded_and_no_more():
    _, history = in_doubt["before a person"]
    archived = of_job(JobArchived, stage="dispatch", by="ann", reason="told by phone")
    Given(decider, *history, archived).when(say(DELIVERED, **BOTH)).then(said(DELIVERED))
    Given(decider, *history, archived, said(DELIVERED)).when(say(DELIVERED, **BOTH)).then_nothing()


def test_nobody_can_say_what_became_of_the_message_of_another():
    Given(decider, *at_confirm).when(say(DELIVERED, provider="spare")).then_refused(MessageOfAnotherProvider)


def test_delivered_after_failed_takes_the_job_back_from_the_person():
    resumed = of_job(JobResumed, stage="confirm", by="receipt:main")
    Given(decider, *at_confirm, said(FAILED), *not_delivered).when(say(DELIVERED)).then(
        said(DELIVERED, contradicts=True), resumed, *confirmed(attempt=2)
    )


def test_failed_after_delivered_is_recorded_and_the_job_stays_delivered():
    Given(decider, *at_confirm, said(DELIVERED), *confirmed()).when(say(FAILED)).then(said(FAILED, contradicts=True))


def test_a_job_that_a_person_put_aside_stays_there():
    archived = of_job(JobArchived, stage="confirm", by="ann", reason="told by phone")
    Given(decider, *at_confirm, said(FAILED), *not_delivered, archived).when(say(DELIVERED)).then(
        said(DELIVERED, contradicts=True)
    )


def test_failed_after_a_person_had_it_tried_again_is_left_to_who_asks():
    resumed = of_job(JobResumed, stage="confirm", by="ann")
    Given(decider, *at_confirm, said(FAILED), *not_delivered, resumed).when(say(FAILED)).then_nothing()


@pytest.mark.parametrize("order", list(permutations([DELIVERED, FAILED, DELIVERED, FAILED, PENDING])))
def test_in_whatever_order_receipts_come_the_job_ends_alike(order: tuple[ReceiptStatus, ...]):
    job, recorded = decider.fold(at_confirm), []
    for status in order:
        events = decider.decide(say(status), job)
        recorded += events
        job = decider.fold(events, job)
    assert job.status is JobStatus.DELIVERED
    assert receipt_of(job) is DELIVERED
    assert [type(event) for event in recorded].count(JobDelivered) == 1
    receipts = [event for event in recorded if isinstance(event, ReceiptRecorded)]
    assert {receipt.status for receipt in receipts} == {DELIVERED, FAILED}
    assert [receipt.contradicts for receipt in receipts] == [False, True]


def test_a_job_of_which_a_receipt_came_can_still_be_put_aside_or_tried_again():
    before_a_person = decider.fold([*at_confirm, said(FAILED), *not_delivered])
    for command in (of_job(ResumeJob, by="ann"), of_job(ArchiveJob, by="ann", reason="told by phone")):
        try:
            assert decider.decide(command, before_a_person)
        except DomainError as refusal:
            pytest.fail(f"refused: {refusal}")


CHOSEN = {"position": 1, "role": "CEO"}
of_company = [
    replace(opened, route=("clear", "choose_contact", "dispatch", "confirm")),
    of_job(StageCompleted, stage="clear", attempt=1, next_stage="choose_contact", output={"rule": "PE2"}),
    of_job(StageCompleted, stage="choose_contact", attempt=1, next_stage="dispatch", output=CHOSEN),
    started,
    sent,
]


def bounced(code: str) -> list[Any]:
    failed = of_job(
        StageFailed, stage="confirm", attempt=1, error_code=code, transient=False, provider="main", message=""
    )
    gone = of_job(RecipientRefused, stage="confirm", recipient="1 CEO", error_code=code, next_stage="clear", attempt=2)
    return [failed, gone]


def test_a_bounce_leads_to_the_next_recipient_where_one_was_chosen():
    Given(decider, *of_company).when(say(FAILED, code="5.1.1")).then(said(FAILED, code="5.1.1"), *bounced("5.1.1"))
    Given(decider, *of_company).when(say(FAILED, code="30003")).then(said(FAILED, code="30003"), *not_delivered)
    Given(decider, *at_confirm).when(say(FAILED, code="5.1.1")).then(said(FAILED, code="5.1.1"), *not_delivered)
    job = decider.fold([*of_company, said(FAILED, code="5.1.1"), *bounced("5.1.1")])
    assert (job.stage, job.attempt, job.message_number, job.outputs) == ("clear", 2, 2, {})


def test_a_bounce_of_a_send_in_doubt_settles_it_and_leads_on():
    settled_first = settled(1, FAILED, was_escalated=False, message_id="m-1")
    Given(decider, *of_company[:-1]).when(say(FAILED, **BOTH, code="bounced")).then(
        *settled_first, said(FAILED, code="bounced"), *bounced("bounced")
    )


@pytest.mark.parametrize("named", [{"message_id": "m-1"}, BOTH, {"idempotency_key": KEY}])
def test_what_is_said_later_of_an_earlier_message_is_recorded_and_moves_nothing(named: dict[str, str]):
    history = [*of_company, said(FAILED, code="5.1.1"), *bounced("5.1.1")]
    Given(decider, *history).when(say(FAILED, **named)).then_nothing()
    Given(decider, *history).when(say(DELIVERED, **named)).then(said(DELIVERED, contradicts=True))
    Given(decider, *history).when(say(DELIVERED, idempotency_key=f"dispatch.2.{JOB_ID}")).then_refused(MessageNotSent)


def test_a_send_in_doubt_to_the_next_one_is_settled_by_its_own_key_only():
    again = [
        of_job(StageCompleted, stage="clear", attempt=2, next_stage="choose_contact"),
        of_job(StageCompleted, stage="choose_contact", attempt=2, next_stage="dispatch", output=CHOSEN),
        replace(started, attempt=2, idempotency_key=f"dispatch.2.{JOB_ID}"),
    ]
    history = [*of_company, said(FAILED, code="5.1.1"), *bounced("5.1.1"), *again]
    Given(decider, *history).when(say(DELIVERED, **BOTH)).then(said(DELIVERED, contradicts=True))
    send = settled(2, DELIVERED, was_escalated=False, message_id="m-2")
    second = say(DELIVERED, idempotency_key=f"dispatch.2.{JOB_ID}", message_id="m-2")
    Given(decider, *history).when(second).then(*send, said(DELIVERED, message_id="m-2"), *confirmed(attempt=2))
