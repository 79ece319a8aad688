"""What each stage of company outreach answers: one test per answer."""

import pytest
from msgspec.structs import replace
from providing import holder, providers

from dispatch.adapters.company_numbers_memory import MemoryCompanyNumbers
from dispatch.application.company import company_shown, roles_of
from dispatch.application.ports.providers import Channel, FoundPerson, ProviderRefused, ProviderUnavailable, Verdict
from dispatch.application.ports.registers import NumberTaken, Registers
from dispatch.application.routes import find_routes
from dispatch.application.stages.choose_contact import choose_contact
from dispatch.application.stages.company_slots import company_slots
from dispatch.application.stages.dispatch import channel_of, dispatch
from dispatch.application.stages.enrich_slots import enrich_slots
from dispatch.application.stages.promote_company import identifier, promote_company
from dispatch.application.stages.stage import Task
from dispatch.application.stages.validate_company import validate_company
from dispatch.application.stages.verify_slots import is_of_company, verify_slots
from dispatch.domain.job.commands import Done, GiveUp, Progressed
from dispatch.domain.job.state import Job
from dispatch.domain.person import Person
from examples import JOB_ID, NOON

SITE = "ashworth.example.com"
ROLES = ("CEO", "CFO", "HR Director")
AT = NOON.isoformat()
SLOTS = {"slots": ["1 CEO", "2 CFO", "3 HR Director"], "slot_type": "executive"}
JOB = Job(
    reference=SITE,
    service="outreach",
    details={"company_name": "Ashworth Joinery Ltd", "template": "company_outreach.v1"},
    route=find_routes()["company-outreach"].stages,
    outputs={"company_slots": SLOTS},
)
CONTACT = Person(name="Priya", email=f"priya@{SITE}", phone="+447700900111")


def task(job=JOB, job_id=JOB_ID, **changed):
    return Task(job_id, replace(job, **changed), NOON, f"dispatch.{job_id}", "finder-a")


async def through(stage, name, asked, job):
    """Every part of a stage, one after the other; answers the job behind it and how many parts there were."""
    for parts in range(1, 20):
        outcome = await stage(task(job), asked)
        outputs = job.outputs | {name: outcome.output}
        job = replace(job, outputs=outputs, person=getattr(outcome, "person", None) or job.person)
        if isinstance(outcome, Done):
            return job, parts
        assert isinstance(outcome, Progressed)
    raise AssertionError("it never ends")


@pytest.mark.acceptance("2.06", part="validated, when, by whom, and the note")
def test_validate_records_what_it_found():
    assert validate_company(task()) == Done(
        {"validated": True, "validated_at": AT, "validated_by": "validate_company", "validation_notes": "Valid"}
    )


@pytest.mark.acceptance("2.06", part="a company without name or website goes before a person, with the note")
@pytest.mark.parametrize("missing", [{"reference": " "}, {"details": {"company_name": " "}}, {"details": {}}])
def test_validate_needs_a_name_and_a_website(missing):
    assert validate_company(task(**missing)) == GiveUp("missing_required_fields", message="Missing required fields")


@pytest.mark.acceptance("2.09", part="04.04.01.84.NNNNN.001")
def test_the_identifier_has_five_digits():
    assert [identifier(number) for number in (1, 42, 99_999)] == [
        "04.04.01.84.00001.001", "04.04.01.84.00042.001", "04.04.01.84.99999.001",
    ]  # fmt: skip
    for number in (0, 100_000):
        with pytest.raises(ValueError, match="1 to 99999"):
            identifier(number)


def promoted(registers, *tasks):
    return promote_company(tasks, registers)


@pytest.mark.acceptance("2.09", part="each company gets the next number; asked again, the same")
@pytest.mark.acceptance("X12", part="a company that is known is said to be so, and goes on")
def test_promote_gives_every_company_its_number():
    registers = Registers(MemoryCompanyNumbers())
    first = promoted(registers, task(job_id="j1"), task(job_id="j2", reference="b.example"))
    assert first == {
        "j1": Done({"identifier": "04.04.01.84.00001.001", "known_before": False}),
        "j2": Done({"identifier": "04.04.01.84.00002.001", "known_before": False}),
    }
    assert promoted(registers, task(job_id="j1")) == {"j1": first["j1"]}
    again = promoted(registers, task(job_id="j9"))
    assert again == {"j9": Done({"identifier": "04.04.01.84.00001.001", "known_before": True})}


@pytest.mark.acceptance("X12", part="when all numbers are given out, the company goes before a person")
def test_promote_says_when_there_are_no_numbers_left():
    registers = Registers(MemoryCompanyNumbers(number_max=1))
    outcomes = promoted(registers, task(job_id="j1"), task(job_id="j2", reference="b.example"))
    assert isinstance(outcomes["j1"], Done)
    assert isinstance(outcomes["j2"], GiveUp)
    assert outcomes["j2"].error_code == "company_numbers_exhausted"


class OneTaken(MemoryCompanyNumbers):
    """Meets a number that was given out by hand whenever this company is asked for."""

    def allocate(self, asked):
        if any(company == "b.example" for _, company in asked):
            raise NumberTaken
        return super().allocate(asked)


@pytest.mark.acceptance("X12", part="a conflict is an error of the one that met it")
def test_a_number_that_is_taken_stops_only_the_company_that_met_it():
    registers = Registers(OneTaken())
    outcomes = promoted(
        registers, task(job_id="j1"), task(job_id="j2", reference="b.example"), task(job_id="j3", reference="c.example")
    )
    assert [getattr(outcomes[job], "error_code", "") for job in ("j1", "j2", "j3")] == ["", "company_number_taken", ""]


@pytest.mark.acceptance("2.10", part="CEO, CFO, HR Director, positions 1 to 3, type executive; the same every time")
def test_slots_are_three_unless_the_profile_names_others():
    assert company_slots(task()) == company_slots(task()) == Done(SLOTS)
    assert roles_of(JOB) == list(ROLES)
    named = company_slots(task(details={"slot_roles": " CTO,, CEO ,CTO"}))
    assert named == Done({"slots": ["1 CTO", "2 CEO"], "slot_type": "executive"})


@pytest.mark.acceptance("2.11", part="one call a role; what was found is recorded part by part, people in Person only")
async def test_enrich_finds_a_person_for_each_role_one_after_the_other():
    asked = providers()
    job, parts = await through(enrich_slots, "enrich_slots", asked, JOB)
    assert parts == len(asked.contact_finder.asked) == 3
    assert asked.contact_finder.asked == [(SITE, "Ashworth Joinery Ltd", role) for role in ROLES]
    assert [(slot.position, slot.role, slot.email) for slot in job.person.slots] == [
        (position, role, holder(SITE, role).email) for position, role in enumerate(ROLES, 1)
    ]
    assert job.outputs["enrich_slots"] == {
        "status": ["completed"] * 3, "source": ["finder"] * 3, "enriched_at": [AT] * 3, "found": 3,
    }  # fmt: skip
    assert "@" not in str(job.outputs), "nothing personal in what everybody may read"


@pytest.mark.acceptance("2.11", part="nobody in a role is an answer, and the others go on")
async def test_enrich_notes_that_nobody_is_known_and_goes_on():
    asked = providers()
    asked.contact_finder.answers[SITE, "CFO"] = ProviderRefused("no_such_contact")
    asked.contact_finder.answers[SITE, "HR Director"] = FoundPerson(source="finder")
    job, _ = await through(enrich_slots, "enrich_slots", asked, JOB)
    assert job.outputs["enrich_slots"]["status"] == ["completed", "not_found", "not_found"]
    assert job.outputs["enrich_slots"]["source"] == ["finder", "finder-a", "finder"]
    assert [slot.position for slot in job.person.slots] == [1]
    shown = company_shown(job)
    assert shown
    assert (shown.found, [slot.status for slot in shown.slots]) == (1, ["completed", "not_found", "not_found"])


@pytest.mark.parametrize("accident", [ProviderUnavailable("timeout"), ProviderRefused("bad_credentials")])
async def test_what_else_a_finder_raises_is_left_to_the_runner_with_nothing_lost(accident):
    asked = providers()
    asked.contact_finder.answers[SITE, "CFO"] = accident
    first = await enrich_slots(task(), asked)
    behind = replace(JOB, outputs=JOB.outputs | {"enrich_slots": first.output}, person=first.person)
    with pytest.raises(type(accident)):
        await enrich_slots(task(behind), asked)
    assert [role for _, _, role in asked.contact_finder.asked] == ["CEO", "CFO"], "the CEO is not asked for again"


async def enriched(asked, **found):
    """Three people found, but for those named here; the row's own contact is known as well where it is given."""
    for role, person in found.items():
        asked.contact_finder.answers[SITE, role] = person
    job, _ = await through(enrich_slots, "enrich_slots", asked, JOB)
    return job


@pytest.mark.acceptance("2.12", part="each address: status, service, result, when; one call a part")
async def test_verify_asks_about_each_address():
    asked = providers()
    asked.email_verifier.answers[holder(SITE, "CFO").email] = Verdict.INVALID
    job, parts = await through(verify_slots, "verify_slots", asked, await enriched(asked))
    assert parts == len(asked.email_verifier.asked) == 3
    assert job.outputs["verify_slots"] == {
        "status": ["verified"] * 3, "result": ["valid", "invalid", "valid"], "service": ["finder-a"] * 3,
        "verified_at": [AT] * 3,
    }  # fmt: skip


@pytest.mark.acceptance("2.12", part="nobody is asked about no address, nor about one that is not the company's")
async def test_verify_asks_only_where_there_is_something_to_ask():
    asked = providers()
    job = await enriched(
        asked,
        CEO=ProviderRefused("no_such_contact"),
        CFO=FoundPerson(name="C", email="c.f.o@gmail.example", source="finder"),
    )
    job, parts = await through(verify_slots, "verify_slots", asked, job)
    assert parts == len(asked.email_verifier.asked) == 1
    assert job.outputs["verify_slots"]["result"] == ["not_found", "outside_company", "valid"]
    assert job.outputs["verify_slots"]["status"] == ["skipped", "skipped", "verified"]


NOBODY = {role: ProviderRefused("no_such_contact") for role in ROLES}


@pytest.mark.parametrize(
    ("person", "verdict", "contact"),
    [
        (CONTACT, Verdict.VALID, "valid"),
        (CONTACT, Verdict.INVALID, "phone"),
        (replace(CONTACT, phone=""), Verdict.INVALID, "invalid"),
        (replace(CONTACT, email=""), Verdict.VALID, "phone"),
        (Person(), Verdict.VALID, "none"),
    ],
)
async def test_the_rows_own_contact_is_looked_at_where_nobody_in_a_slot_can_be_written_to(person, verdict, contact):
    asked = providers()
    job = replace(await enriched(asked, **NOBODY), person=person)
    asked.email_verifier.default = verdict
    job, _ = await through(verify_slots, "verify_slots", asked, job)
    assert job.outputs["verify_slots"]["contact"] == contact


async def test_the_rows_own_contact_waits_for_its_own_part_where_others_were_asked_about():
    asked = providers()
    job = await enriched(asked)
    job = replace(job, person=replace(job.person, email=CONTACT.email))
    asked.email_verifier.default = Verdict.INVALID
    asked.email_verifier.answers[CONTACT.email] = Verdict.RISKY
    job, parts = await through(verify_slots, "verify_slots", asked, job)
    assert (parts, len(asked.email_verifier.asked)) == (4, 4)
    assert job.outputs["verify_slots"]["contact"] == "risky"


@pytest.mark.parametrize(
    ("email", "website", "answer"),
    [
        ("a@ashworth.example.com", "ashworth.example.com", True),
        ("a@Mail.Ashworth.example.com", "ashworth.example.com", True),
        ("a@ashworth.example", "shop.ashworth.example/contact", True),
        ("a@ashworth.example", "www.ashworth.example", True),
        ("a@gmail.example", "ashworth.example", False),
        ("a@example", "ashworth.example", False),
        ("a@notashworth.example", "ashworth.example", False),
        ("a@", "ashworth.example", False),
    ],
)
def test_whose_mailbox_it_is(email, website, answer):
    assert is_of_company(email, website) is answer


@pytest.mark.parametrize(
    ("result", "contact", "expected"),
    [
        (["valid", "valid", "valid"], "", (1, "CEO", "email", "valid")),
        (["not_found", "invalid", "valid"], "", (3, "HR Director", "email", "valid")),
        (["risky", "valid", "valid"], "", (2, "CFO", "email", "valid")),
        (["invalid", "unknown", "risky"], "", (3, "HR Director", "email", "risky")),
        (["outside_company", "unknown", "no_email"], "", (2, "CFO", "email", "unknown")),
        (["not_found"] * 3, "risky", (0, "contact", "email", "risky")),
        (["invalid"] * 3, "phone", (0, "contact", "sms", "phone")),
    ],
)
def test_who_is_written_to(result, contact, expected):
    outputs = JOB.outputs | {"verify_slots": {"result": result, "contact": contact}}
    position, role, channel, verdict = expected
    chosen = Done({"position": position, "role": role, "channel": channel, "verdict": verdict})
    assert choose_contact(task(outputs=outputs)) == chosen


@pytest.mark.parametrize("contact", ["", "none", "invalid"])
def test_a_company_of_which_nobody_can_be_written_to_goes_before_a_person(contact):
    outputs = JOB.outputs | {"verify_slots": {"result": ["invalid", "not_found", "no_email"], "contact": contact}}
    answer = choose_contact(task(outputs=outputs))
    assert isinstance(answer, GiveUp)
    assert answer.error_code == "nobody_reachable"


async def test_the_message_is_for_the_one_who_was_chosen():
    asked = providers()
    job = await enriched(asked)
    chosen = {"position": 2, "role": "CFO", "channel": "email", "verdict": "valid"}
    promoted = {"identifier": "04.04.01.84.00007.001"}
    job = replace(job, outputs=job.outputs | {"choose_contact": chosen, "promote_company": promoted})
    done = await dispatch(task(job), asked)
    [message] = asked.notifier.sent.values()
    assert done == Done({"message_id": f"m-dispatch.{JOB_ID}", "channel": "email"})
    assert (message.to, message.template) == (holder(SITE, "CFO").email, "company_outreach.v1")
    assert message.variables == {
        "company": "Ashworth Joinery Ltd",
        "company_number": "04.04.01.84.00007.001",
        "name": "The CFO",
        "role": "CFO",
        "website": SITE,
    }


async def test_the_rows_own_contact_gets_a_text_message_where_that_was_chosen():
    asked = providers()
    chosen = {"position": 0, "role": "contact", "channel": "sms", "verdict": "phone"}
    job = replace(JOB, person=CONTACT, outputs=JOB.outputs | {"choose_contact": chosen})
    assert channel_of(job) == "sms"
    await dispatch(task(job), asked)
    [message] = asked.notifier.sent.values()
    assert (message.channel, message.to) == (Channel.SMS, CONTACT.phone)


def test_what_is_shown_of_a_company_that_has_not_come_far():
    shown = company_shown(replace(JOB, outputs={}))
    assert shown
    assert (shown.identifier, shown.slots, shown.found, shown.chosen) == ("", [], 0, "")
    assert company_shown(Job(route=("validate", "slots"))) is None
