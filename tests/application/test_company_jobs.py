"""Companies of a file go their own route: a number each, people found, verified, and one of them written to."""

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace
from providing import holder
from test_work import World

from dispatch.adapters.company_numbers_memory import MemoryCompanyNumbers
from dispatch.application.company import company_shown
from dispatch.application.handle import handle
from dispatch.application.intake.judge import good_rows
from dispatch.application.intake.opening import open_jobs
from dispatch.application.intake.profiles import profile_named
from dispatch.application.ports.ledger import Append, Cause
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable, Verdict
from dispatch.application.ports.registers import Registers
from dispatch.application.why import why
from dispatch.domain.batch.state import Batch
from dispatch.domain.consent import CONSENT_LASTS
from dispatch.domain.job.commands import Done, RecordOutcome, RecordReceipt
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import ReceiptRecorded, RecipientRefused, StageCompleted
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.job.state import JobStatus
from dispatch.domain.person import Person
from dispatch.domain.retry import RetryPolicy
from examples import BATCH_ID, CONSENTED, NOON
from ledgers import cause, new_id, opened_job

COMPANIES, EARLIER = profile_named("company-outreach"), profile_named("company-outreach", 1)
SAMPLES = Path(__file__).parents[2] / "samples"


class Outreach(World):
    """A world with a register of company numbers."""

    def __init__(self):
        super().__init__()
        self.numbers = MemoryCompanyNumbers()
        object.__setattr__(self.run, "registers", Registers(self.numbers))

    def bring(self, profile=COMPANIES):
        """The companies of the sample."""
        rows = list(good_rows(SAMPLES / "companies.csv", profile))
        by = Cause(command_id=BATCH_ID, correlation_id=BATCH_ID)
        appends = list(open_jobs(BATCH_ID, Batch(received_at=NOON), profile, rows, NOON, by))
        self.ledger.append(appends)
        return [append.stream for append in appends]

    def open_companies(self, count):
        job_ids = [new_id() for _ in range(count)]
        for number, job_id in enumerate(job_ids):
            event = replace(
                opened_job(job_id),
                route=COMPANIES.route,
                reference=f"c{number}.example",
                details={"company_name": f"Company {number}"},
                person=Person(),
                permission=CONSENTED,
                row=number,
            )
            self.ledger.append([Append(job_id, 0, [event], cause())])
        return job_ids

    async def walk(self, jobs, *, twice=False):
        """Until nothing moves. Twice: every chunk is delivered a second time."""
        for _ in range(40):
            due = {}
            for job in jobs:
                if self.job(job).status is JobStatus.RUNNING:
                    due.setdefault(self.job(job).stage, []).append(job)
            if not due:
                return
            for stage, chunk in due.items():
                await self.run(stage, chunk)
                if twice:
                    await self.run(stage, chunk)


@pytest.mark.acceptance("2.10", part="three roles in their order, from a file")
@pytest.mark.acceptance("2.16", part="from row to receipt: all five companies end")
async def test_companies_of_the_sample_go_the_whole_route():
    world = Outreach()
    jobs = world.bring()
    await world.walk(jobs)
    states = [world.job(job).status for job in jobs]
    assert states == [JobStatus.DELIVERED] * 2 + [JobStatus.BLOCKED] * 3, "no sale, no basis, one that objected"
    shown = company_shown(world.job(jobs[0]))
    assert shown
    assert (shown.identifier, shown.found, shown.chosen) == ("04.04.01.84.00001.001", 3, "CEO")
    assert [(slot.position, slot.role, slot.slot_type) for slot in shown.slots] == [
        (1, "CEO", "executive"), (2, "CFO", "executive"), (3, "HR Director", "executive"),
    ]  # fmt: skip
    assert len(world.providers.notifier.sent) == 2, "one message a company"
    message = next(iter(world.providers.notifier.sent.values()))
    assert message.to == holder("ashworth-joinery.example.com", "CEO").email


@pytest.mark.acceptance("2.22", part="chunks that are delivered again give the same numbers and send nothing twice")
@pytest.mark.acceptance("X12", part="a chunk that is delivered again gives the same numbers")
async def test_every_chunk_twice_comes_to_the_same():
    world = Outreach()
    jobs = world.open_companies(12)
    await world.walk(jobs, twice=True)
    identifiers = [world.job(job).outputs["promote_company"]["identifier"] for job in jobs]
    assert sorted(identifiers) == [f"04.04.01.84.{number:05d}.001" for number in range(1, 13)]
    assert len(world.providers.notifier.sent) == 12
    completed = Counter(
        (job, event.stage, event.attempt)
        for job in jobs
        for event in world.ledger.load(job).events
        if type(event).__name__ == "StageCompleted"
    )
    assert max(completed.values()) == 1
    assert {world.job(job).status for job in jobs} == {JobStatus.DELIVERED}


@pytest.mark.acceptance("X12", part="allocated, then lost before it was recorded: the same number")
async def test_a_number_that_was_given_out_and_not_recorded_is_given_again():
    world = Outreach()
    [job] = world.open_companies(1)
    world.numbers.allocate([(job, "c0.example")])  # By a worker that was killed before its append.
    await world.walk([job])
    assert world.job(job).outputs["promote_company"] == {"identifier": "04.04.01.84.00001.001", "known_before": False}


@pytest.mark.acceptance("2.11", part="an accident costs one role its retry, and none of what was found")
async def test_an_accident_at_one_role_is_tried_again_alone():
    world = Outreach()
    [job] = world.open_companies(1)
    finder = world.providers.contact_finder
    finder.answers["c0.example", "CFO"] = ProviderUnavailable("timeout")
    await world.walk([job])
    assert world.job(job).status is JobStatus.WAITING
    finder.answers["c0.example", "CFO"] = holder("c0.example", "CFO")
    world.clock.now = world.job(job).due_at
    await world.run("enrich_slots", [job])
    await world.walk([job])
    assert world.job(job).status is JobStatus.DELIVERED
    assert Counter(role for _, _, role in finder.asked) == {"CEO": 1, "CFO": 2, "HR Director": 1}


async def test_two_of_three_found_is_told_and_the_first_who_can_be_written_to_is():
    world = Outreach()
    [job] = world.open_companies(1)
    world.providers.contact_finder.answers["c0.example", "CEO"] = ProviderRefused("no_such_contact")
    world.providers.email_verifier.answers[holder("c0.example", "CFO").email] = Verdict.INVALID
    await world.walk([job])
    shown = company_shown(world.job(job))
    assert shown
    assert world.job(job).status is JobStatus.DELIVERED
    assert (shown.found, shown.chosen) == (2, "HR Director")
    assert [slot.email_result for slot in shown.slots] == ["not_found", "invalid", "valid"]
    [message] = world.providers.notifier.sent.values()
    assert message.to == holder("c0.example", "HR Director").email


async def test_nobody_found_is_no_success():
    world = Outreach()
    [job] = world.open_companies(1)
    for role in ("CEO", "CFO", "HR Director"):
        world.providers.contact_finder.answers["c0.example", role] = ProviderRefused("no_such_contact")
    await world.walk([job])
    assert (world.job(job).status, world.job(job).escalated_for) == (JobStatus.ESCALATED, "nobody_reachable")
    assert world.providers.notifier.sent == {}


async def test_a_company_that_is_known_keeps_its_number_and_says_so():
    """As after an import that was taken back and brought again."""
    world = Outreach()
    first, again = world.open_companies(1) + world.open_companies(1)
    await world.walk([first])
    await world.walk([again])
    outputs = [world.job(job).outputs["promote_company"] for job in (first, again)]
    assert outputs[0]["identifier"] == outputs[1]["identifier"]
    assert [output["known_before"] for output in outputs] == [False, True]


async def test_companies_that_came_before_keep_the_way_of_their_day():
    world = Outreach()
    jobs = world.bring(EARLIER)
    await world.walk(jobs)
    assert [world.job(job).status for job in jobs] == [JobStatus.DELIVERED] * 2 + [JobStatus.BLOCKED] * 3
    assert world.job(jobs[0]).outputs["slots"]["slots"] == ["1 CEO", "2 CFO", "3 HR Director"]
    assert world.job(jobs[0]).outputs["promote"]["job_number"].startswith("SJ-")
    message = next(iter(world.providers.notifier.sent.values()))
    assert (message.template, message.variables["price"]) == ("company_outreach.v1", "")


def to_whom(world):
    return [message.to for message in world.providers.notifier.sent.values()]


@pytest.mark.acceptance(
    "2.22", part="a refused mailbox leads to the next role, under another key, and none is written to twice"
)
async def test_a_refused_mailbox_leads_to_the_next_role():
    world = Outreach()
    [job] = world.open_companies(1)
    world.providers.notifier.answers[f"dispatch.{job}"] = ProviderRefused("no_such_mailbox")
    await world.walk([job], twice=True)
    assert world.job(job).status is JobStatus.DELIVERED
    assert list(world.providers.notifier.sent) == [f"dispatch.{job}", f"dispatch.2.{job}"]
    assert to_whom(world) == [holder("c0.example", role).email for role in ("CEO", "CFO")]
    shown = company_shown(world.job(job))
    assert shown
    assert shown.chosen == "CFO"
    events = world.ledger.load(job).events
    [refused] = [event for event in events if isinstance(event, RecipientRefused)]
    assert (refused.recipient, refused.error_code, refused.next_stage) == ("1 CEO", "no_such_mailbox", "clear")
    cleared = [event for event in events if isinstance(event, StageCompleted) and event.stage == "clear"]
    assert len(cleared) == 2, "the gate was asked anew"
    told = why(world.ledger, job).inputs
    assert (told["recipient"], told["refused_before"]) == ("2 CFO", "1 CEO (no_such_mailbox)")
    assert Counter(world.providers.contact_finder.asked).most_common(1)[0][1] == 1, "nobody was looked for again"


async def test_only_when_no_role_is_left_the_company_goes_before_a_person():
    world = Outreach()
    [job] = world.open_companies(1)
    for key in ("dispatch", "dispatch.2", "dispatch.3"):
        world.providers.notifier.answers[f"{key}.{job}"] = ProviderRefused("no_such_mailbox")
    await world.walk([job])
    assert (world.job(job).status, world.job(job).escalated_for) == (JobStatus.ESCALATED, "nobody_left")
    assert to_whom(world) == [holder("c0.example", role).email for role in ("CEO", "CFO", "HR Director")]
    told = why(world.ledger, job)
    assert told.inputs["refused_before"] == ", ".join(
        f"{role} (no_such_mailbox)" for role in ("1 CEO", "2 CFO", "3 HR Director")
    )


async def test_a_mailbox_that_two_roles_have_is_written_to_once():
    world = Outreach()
    [job] = world.open_companies(1)
    ceo = holder("c0.example", "CEO")
    world.providers.contact_finder.answers["c0.example", "CFO"] = replace(ceo, email=ceo.email.upper())
    world.providers.notifier.answers[f"dispatch.{job}"] = ProviderRefused("no_such_mailbox")
    await world.walk([job])
    assert world.job(job).status is JobStatus.DELIVERED
    assert to_whom(world) == [ceo.email, holder("c0.example", "HR Director").email]
    assert [gone.error_code for gone in world.job(job).refused] == ["no_such_mailbox", "address_refused_before"]


async def test_a_refusal_of_the_message_or_one_in_doubt_goes_before_a_person_as_ever():
    world = Outreach()
    one, other = world.open_companies(2)
    world.providers.notifier.answers[f"dispatch.{one}"] = ProviderRefused("content_refused")
    world.providers.notifier.answers[f"dispatch.{other}"] = ProviderUnavailable("timeout")
    await world.walk([one, other])
    world.providers.notifier.answers[f"dispatch.{other}"] = ProviderRefused("no_such_mailbox")
    world.clock.now = world.job(other).due_at
    await world.run("dispatch", [other])
    assert [world.job(job).escalated_for for job in (one, other)] == ["content_refused", "no_such_mailbox"]
    assert len(to_whom(world)) == 2


async def test_an_objection_of_the_company_that_came_meanwhile_blocks_the_whole_job():
    """The gate is asked anew for the next one: here the consent has run out."""
    world = Outreach()
    [job] = world.open_companies(1)
    world.providers.notifier.answers[f"dispatch.{job}"] = ProviderRefused("no_such_mailbox")
    for _ in range(40):
        if world.job(job).stage == "dispatch":
            break
        await world.run(world.job(job).stage, [job])
    world.clock.now = NOON + CONSENT_LASTS * 2
    await world.walk([job])
    assert world.job(job).status is JobStatus.BLOCKED
    assert len(to_whom(world)) == 1


@pytest.mark.parametrize("code", ["hard_bounce", "Hard-Bounce", "5.1.1", "undeliverable"])
async def test_a_receipt_that_says_bounced_leads_to_the_next_role(code):
    world = Outreach()
    [job] = world.open_companies(1)
    for _ in range(40):
        if world.job(job).stage == "confirm":
            break
        await world.run(world.job(job).stage, [job])
    first, by = f"m-dispatch.{job}", str(world.job(job).outputs["dispatch"]["provider"])
    say(world, job, by, first, ReceiptStatus.FAILED, code)
    assert (world.job(job).stage, world.job(job).status) == ("clear", JobStatus.RUNNING)
    say(world, job, by, first, ReceiptStatus.FAILED, code)  # Repeated, and contradicted: it is kept, and moves nothing.
    say(world, job, by, first, ReceiptStatus.DELIVERED, "")
    await world.walk([job])
    assert world.job(job).status is JobStatus.DELIVERED
    assert to_whom(world) == [holder("c0.example", role).email for role in ("CEO", "CFO")]
    receipts = [event for event in world.ledger.load(job).events if isinstance(event, ReceiptRecorded)]
    assert [(one.message_id, one.status) for one in receipts] == [
        (first, ReceiptStatus.FAILED), (first, ReceiptStatus.DELIVERED),
    ]  # fmt: skip


async def test_a_receipt_that_says_only_failed_goes_before_a_person():
    world = Outreach()
    [job] = world.open_companies(1)
    world.providers.notifier.answers[f"m-dispatch.{job}"] = ReceiptStatus.FAILED
    await world.walk([job])
    assert (world.job(job).status, world.job(job).escalated_for) == (JobStatus.ESCALATED, "not_delivered")


async def test_a_late_answer_about_the_first_one_is_not_taken_for_the_second():
    world = Outreach()
    [job] = world.open_companies(1)
    world.providers.notifier.answers[f"dispatch.{job}"] = ProviderRefused("no_such_mailbox")
    for _ in range(40):
        if world.job(job).refused and world.job(job).stage == "dispatch":
            break
        await world.run(world.job(job).stage, [job])
    late = Done({"message_id": "m-late", "provider": "main"})
    command = RecordOutcome(
        job_id=job, at=NOON, stage="dispatch", attempt=1, outcome=late, retry=RetryPolicy(), provider="main"
    )
    assert decider.decide(command, world.job(job)) == []


def say(world, job, provider, message_id, status, code):
    command = RecordReceipt(
        job_id=job,
        at=NOON,
        provider=provider,
        status=status,
        said_at=NOON,
        message_id=message_id,
        code=code,
    )
    handle(world.ledger, decider, job, command, cause())
