"""What each stage answers: one test per answer."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from providing import providers

from dispatch.application.calling.line import Capability, ProviderSpec, ReceiptsBy
from dispatch.application.ports.providers import (
    Channel,
    FoundContact,
    ProviderRefused,
    ProviderUnavailable,
    Verdict,
)
from dispatch.application.routes import find_routes
from dispatch.application.stages import find_stages
from dispatch.application.stages.clear import clear
from dispatch.application.stages.confirm import confirm, known
from dispatch.application.stages.dispatch import dispatch
from dispatch.application.stages.enrich import enrich
from dispatch.application.stages.promote import promote
from dispatch.application.stages.slots import slots
from dispatch.application.stages.stage import Task
from dispatch.application.stages.validate import validate
from dispatch.application.stages.verify import verify
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.job.commands import Block, Defer, Done, GiveUp, TryAgain
from dispatch.domain.job.decide import decider
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.person import Person
from examples import ANN, JOB_ID, NOON, opened

JOB = decider.fold([opened])


def task(*, at=NOON, **changed):
    return Task(JOB_ID, replace(JOB, **changed), at, f"dispatch.{JOB_ID}")


def test_the_stages_are_found_and_ordered_by_what_they_come_after():
    found = list(find_stages())
    assert found[:8] == list(find_routes()["service-job"].stages)
    assert found[8:] == [name for name in find_routes()["company-outreach"].stages if name not in found[:8]]
    assert {name for route in find_routes().values() for name in route.stages} == set(found)


def test_only_the_stage_that_sends_acts():
    acting = [name for name, stage in find_stages().items() if getattr(stage, "acts", False)]
    assert acting == ["dispatch"]


@pytest.mark.acceptance("2.06", part="the answers of the gatekeeper")
def test_validate_passes_a_job_that_has_what_later_stages_need():
    assert validate(task()) == Done({"validation_notes": "Valid"})


@pytest.mark.acceptance("2.06", part="the answers of the gatekeeper")
@pytest.mark.parametrize(
    "missing",
    [
        {"reference": ""},
        {"service": ""},
        {"person": replace(ANN, name="")},
        {"person": replace(ANN, email="", phone="")},
    ],
    ids=["reference", "service", "name", "no way to reach the person"],
)
def test_validate_gives_up_where_something_is_missing(missing):
    assert validate(task(**missing)) == GiveUp("missing_required_fields")


def test_validate_needs_a_price_above_nothing():
    assert validate(task(price_pence=0)) == GiveUp("price_not_positive")


@pytest.mark.acceptance("X12", part="each row of service jobs has a number of its own")
def test_promote_gives_each_row_the_same_number_every_time():
    numbers = [promote(task(row=row, at=NOON + timedelta(days=day))) for row in (7, 42) for day in (0, 9)]
    assert numbers == [Done({"job_number": f"SJ-20261123-3F2B8C-{row:05d}"}) for row in (7, 7, 42, 42)]


@pytest.mark.parametrize(
    ("at", "preferred", "days"),
    [
        (NOON, "", ["2026-11-24", "2026-11-25", "2026-11-26"]),
        (NOON, "2026-11-27", ["2026-11-27", "2026-11-28", "2026-11-30"]),  # Over a Sunday.
        (NOON, "2026-11-29", ["2026-11-30", "2026-12-01", "2026-12-02"]),  # A Sunday itself.
        (NOON, "2026-11-01", ["2026-11-24", "2026-11-25", "2026-11-26"]),  # Gone by.
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "", ["2027-01-01", "2027-01-02", "2027-01-04"]),
    ],
)
def test_slots_offers_three_windows_on_working_days(at, preferred, days):
    offered = slots(task(at=at, details={"preferred_date": preferred}))
    windows = ("08:00-10:00", "10:00-12:00", "13:00-15:00")
    assert offered == Done({"slots": [f"{day} {window}" for day, window in zip(days, windows, strict=True)]})


async def test_enrich_fills_in_what_the_row_left_out():
    asked = providers()
    asked.contact_finder.default = FoundContact(email="found@example.org", phone="+441632960999", source="finder")
    done = await enrich(task(person=replace(ANN, email="")), asked)
    assert done == Done({"source": "finder"}, person=replace(ANN, email="found@example.org"))
    assert asked.contact_finder.asked == [("JOB-0007", "Ann Example", "SW1A 1AA", "", "+441632960001")]


async def test_enrich_leaves_alone_what_the_row_said():
    asked = providers()
    asked.contact_finder.default = FoundContact(email="found@example.org", source="finder")
    assert await enrich(task(), asked) == Done({"source": "finder"})


@pytest.mark.parametrize("accident", [ProviderUnavailable("timeout"), ProviderRefused("no_such_contact")])
async def test_what_a_provider_raises_is_left_to_the_runner(accident):
    asked = providers()
    asked.contact_finder.default = accident
    with pytest.raises(type(accident)):
        await enrich(task(), asked)


@pytest.mark.acceptance("2.12", part="the verdict is part of the record")
@pytest.mark.parametrize("verdict", [Verdict.VALID, Verdict.RISKY, Verdict.UNKNOWN])
async def test_verify_notes_the_verdict(verdict):
    asked = providers()
    asked.email_verifier.answers[ANN.email] = verdict
    assert await verify(task(), asked) == Done({"verdict": verdict.value})


async def test_verify_goes_on_by_phone_where_the_address_is_invalid():
    asked = providers()
    asked.email_verifier.default = Verdict.INVALID
    assert await verify(task(), asked) == Done({"verdict": "invalid"})


async def test_verify_gives_up_where_nothing_else_is_left():
    asked = providers()
    asked.email_verifier.default = Verdict.INVALID
    assert await verify(task(person=replace(ANN, phone="")), asked) == GiveUp("undeliverable")


async def test_verify_asks_nobody_about_no_address():
    asked = providers()
    assert await verify(task(person=replace(ANN, email="")), asked) == Done({"verdict": "unknown"})
    assert asked.email_verifier.asked == []


def test_clear_passes_with_the_basis_on_record():
    assert clear(task()) == Done({"basis": "consent", "rule": "PE2"})


@pytest.mark.parametrize(
    ("permission", "block"),
    [
        (Permission(), Block("PE2", "no_lawful_basis")),
        (Permission(basis=Basis.CONTRACT, objected=True), Block("PE8", "objected")),
        (Permission(basis=Basis.SOFT_OPT_IN), Block("PE3", "soft_opt_in_without_sale")),
    ],
)
def test_clear_blocks_with_the_rule_that_stands_in_the_way(permission, block):
    assert clear(task(permission=permission)) == block


async def test_dispatch_sends_by_email_under_the_jobs_one_key():
    asked = providers()
    outputs = {
        "promote": {"job_number": "SJ-20261123-3F2B8C-00007"},
        "slots": {"slots": ["2026-11-24 08:00-10:00", "2026-11-25 10:00-12:00"]},
        "verify": {"verdict": "valid"},
    }
    done = await dispatch(task(outputs=outputs), asked)
    [message] = asked.notifier.asked
    assert done == Done({"message_id": f"m-dispatch.{JOB_ID}", "channel": "email"})
    assert (message.idempotency_key, message.channel, message.to) == (f"dispatch.{JOB_ID}", Channel.EMAIL, ANN.email)
    assert message.template == "service_job_offer.v1"
    assert message.variables == {
        "name": "Ann Example",
        "reference": "JOB-0007",
        "job_number": "SJ-20261123-3F2B8C-00007",
        "service": "boiler service",
        "price": "£95.00",
        "slots": "2026-11-24 08:00-10:00, 2026-11-25 10:00-12:00",
    }


@pytest.mark.parametrize(
    ("person", "verdict"),
    [(replace(ANN, email=""), "unknown"), (ANN, "invalid")],
    ids=["no address", "an address that is invalid"],
)
async def test_dispatch_sends_a_text_message_where_no_email_would_arrive(person: Person, verdict):
    asked = providers()
    done = await dispatch(task(person=person, outputs={"verify": {"verdict": verdict}}), asked)
    assert done.output["channel"] == "sms"
    assert [(message.channel, message.to) for message in asked.notifier.asked] == [(Channel.SMS, ANN.phone)]


@pytest.mark.parametrize(
    ("receipt", "answer"),
    [
        (ReceiptStatus.DELIVERED, Done({"receipt": "delivered"})),
        (ReceiptStatus.PENDING, TryAgain("receipt_pending")),
        (ReceiptStatus.FAILED, GiveUp("not_delivered")),
    ],
)
async def test_confirm_asks_for_the_receipt(receipt, answer):
    asked = providers()
    asked.notifier.default = receipt
    assert await confirm(task(outputs={"dispatch": {"message_id": "m-1"}}), asked) == answer
    assert asked.notifier.asked == ["m-1"]


MESSAGE = {"dispatch": {"message_id": "m-1", "provider": "main"}}
SENT = {"outputs": MESSAGE, "sent_at": NOON}


def notifier(receipts, within_s=60.0):
    return ProviderSpec(name="main", capability=Capability.NOTIFIER, receipts=receipts, receipt_within_s=within_s)


@pytest.mark.parametrize(
    ("receipts", "early", "late"),
    [
        (ReceiptsBy.ASK, None, None),
        (ReceiptsBy.WEBHOOK, Defer("receipt_awaited:main", 50.0), GiveUp("receipt_missing")),
        (ReceiptsBy.BOTH, Defer("receipt_awaited:main", 50.0), None),
    ],
)
def test_confirm_waits_or_asks_as_its_provider_says(receipts, early, late):
    at = [NOON + timedelta(seconds=seconds) for seconds in (10, 60)]
    assert [known(task(at=moment, **SENT), notifier(receipts)) for moment in at] == [early, late]


@pytest.mark.parametrize("receipts", ReceiptsBy)
def test_confirm_knows_what_a_signed_receipt_has_said(receipts):
    done = Done({"receipt": "delivered", "provider": "main"})
    for said in [(ReceiptStatus.DELIVERED,), (ReceiptStatus.FAILED, ReceiptStatus.DELIVERED)]:
        assert known(task(receipts={"m-1": said}, **SENT), notifier(receipts)) == done
    failed = {"m-1": (ReceiptStatus.FAILED,)}
    assert known(task(receipts=failed, **SENT), notifier(receipts)) == GiveUp("not_delivered")
    again = None if receipts is not ReceiptsBy.WEBHOOK else GiveUp("not_delivered")
    assert known(task(receipts=failed, forgiven=1, **SENT), notifier(receipts)) == again


def test_confirm_asks_nobody_for_what_a_person_has_settled():
    settled = task(outputs={"dispatch": {"settled_by": "ann"}})
    assert known(settled, notifier(ReceiptsBy.ASK)) == Done({"receipt": "settled_by_a_person"})
