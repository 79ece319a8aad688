"""Given events of a company, then its row and those of its slots."""

import psycopg
import pytest
from following import catch_up
from msgspec.structs import replace
from psycopg.rows import dict_row

import examples
from dispatch.adapters.postgres.rebuild import rebuild
from dispatch.application.ports.ledger import Append
from dispatch.application.routes import find_routes
from dispatch.domain.job.events import JobDelivered, JobRerouted, StageCompleted, StageFailed
from dispatch.domain.person import Person, SlotPerson
from examples import BATCH_ID, JOB_ID, NOON
from ledgers import cause

pytestmark = pytest.mark.postgres
ROUTE = find_routes()["company-outreach"].stages
OPENED = replace(examples.opened, route=ROUTE, reference="a.example", scheduled_at=None, channel="")
SLOTS = {"slots": ["1 CEO", "2 CFO", "3 HR Director"], "slot_type": "executive"}
FOUND = Person(slots=(SlotPerson(position=1, role="CEO", name="Cleo Canary", email="cleo@canary.example"),))


def done(stage, output, *, attempt=1, again=False):
    following = stage if again else (*ROUTE, "")[ROUTE.index(stage) + 1]
    return StageCompleted(
        job_id=JOB_ID, at=NOON, stage=stage, attempt=attempt, next_stage=following, output=output, person=FOUND
    )


def enriched(*status, **more):
    names = ("source", "enriched_at")
    output = {"status": list(status)} | {name: [f"{name} {n}" for n, _ in enumerate(status, 1)] for name in names}
    return done("enrich_slots", output, attempt=len(status), **more)


VALIDATED = done("validate_company", {"validation_notes": "Valid", "validated_at": NOON.isoformat()})
PROMOTED = done("promote_company", {"identifier": "04.04.01.84.00007.001", "known_before": True})
OPEN_SLOTS = done("company_slots", SLOTS)
VERIFIED = done(
    "verify_slots",
    {
        "status": ["verified", "skipped", "verified"],
        "result": ["valid", "not_found", "risky"],
        "service": ["mv", "", "mv"],
        "verified_at": ["then", "", "later"],
    },
)
CHOSEN = done("choose_contact", {"position": 1, "role": "CEO", "channel": "email"})


@pytest.fixture
def given(ledger, projector):
    """Records these events of one job, and projects them."""

    def record(*events):
        ledger.append([Append(JOB_ID, ledger.load(JOB_ID).version, events, cause())])
        catch_up(projector)

    return record


@pytest.fixture
def rows(database_url):
    """The company's row, and the rows of its slots."""

    def read():
        with psycopg.connect(database_url, row_factory=dict_row) as connection:
            [company] = connection.execute("SELECT * FROM ops.companies").fetchall() or [None]
            slots = connection.execute("SELECT * FROM ops.company_slots ORDER BY position").fetchall()
        return company, slots

    return read


def test_a_company_that_was_opened(given, rows):
    given(OPENED)
    company, slots = rows()
    assert (str(company["job_id"]), str(company["batch_id"]), company["website"]) == (JOB_ID, BATCH_ID, "a.example")
    assert (company["identifier"], company["validation_notes"], company["slots"]) == ("", "", 0)
    assert slots == []


@pytest.mark.acceptance("2.06", part="the note of what is missing")
def test_one_that_lacks_something(given, rows):
    failed = StageFailed(
        job_id=JOB_ID, at=NOON, stage="validate_company", attempt=1, error_code="missing_required_fields",
        transient=False, message="Missing required fields",
    )  # fmt: skip
    given(OPENED, failed)
    assert rows()[0]["validation_notes"] == "Missing required fields"


def test_its_number_and_its_slots(given, rows):
    given(OPENED, VALIDATED, PROMOTED, OPEN_SLOTS)
    company, slots = rows()
    assert company["validation_notes"] == "Valid"
    assert (company["identifier"], company["known_before"], company["slots"]) == ("04.04.01.84.00007.001", True, 3)
    assert [(slot["position"], slot["role"], slot["slot_type"], slot["status"]) for slot in slots] == [
        (1, "CEO", "executive", ""), (2, "CFO", "executive", ""), (3, "HR Director", "executive", ""),
    ]  # fmt: skip


def test_the_slots_fill_one_after_the_other(given, rows):
    given(OPENED, VALIDATED, PROMOTED, OPEN_SLOTS, enriched("completed", again=True))
    company, slots = rows()
    assert (company["found"], [slot["status"] for slot in slots]) == (1, ["completed", "", ""])
    given(enriched("completed", "not_found", again=True))
    given(enriched("completed", "not_found", "completed"))
    company, slots = rows()
    assert (company["found"], [slot["status"] for slot in slots]) == (2, ["completed", "not_found", "completed"])
    assert [slot["source"] for slot in slots] == ["source 1", "source 2", "source 3"]


def test_who_is_written_to(given, rows):
    parts = [enriched("completed", again=True), enriched("completed", "not_found", again=True)]
    before = [OPENED, VALIDATED, PROMOTED, OPEN_SLOTS, *parts, enriched("completed", "not_found", "completed")]
    given(*before, VERIFIED, done("clear", {}), CHOSEN)
    company, slots = rows()
    assert (company["chosen"], company["channel"], company["sent"], company["delivered"]) == (
        "CEO", "email", False, False,
    )  # fmt: skip
    assert [slot["chosen"] for slot in slots] == [True, False, False]
    assert [slot["email_result"] for slot in slots] == ["valid", "not_found", "risky"]
    assert [slot["email_status"] for slot in slots] == ["verified", "skipped", "verified"]
    given(done("dispatch", {"message_id": "m-1"}), done("confirm", {}), JobDelivered(job_id=JOB_ID, at=NOON))
    company, _ = rows()
    assert (company["sent"], company["delivered"]) == (True, True)


def test_it_is_rebuilt_as_it_was_also_after_a_reroute(given, rows, ledger, database_url):
    again = JobRerouted(
        job_id=JOB_ID, at=NOON, from_stage="choose_contact", stage="enrich_slots", attempt=4, by="ann", reason="more"
    )
    given(OPENED, VALIDATED, PROMOTED, OPEN_SLOTS, enriched("not_found", again=True), again)
    given(enriched("completed", again=True))
    live = rows()
    assert rebuild(database_url, ledger, "companies").same
    assert rows() == live
    assert live[0]["found"] == 1


def test_jobs_of_other_routes_have_no_row_and_nothing_personal_is_in_any(given, rows, database_url):
    given(OPENED, VALIDATED, PROMOTED, OPEN_SLOTS, enriched("completed", "completed", "completed"), VERIFIED)
    with psycopg.connect(database_url) as connection:
        text = connection.execute(
            "SELECT company::text || slot::text FROM ops.companies AS company, ops.company_slots AS slot"
        )
        assert not any("anary" in value for (value,) in text.fetchall())


def test_service_jobs_leave_it_empty(given, rows):
    given(replace(OPENED, route=find_routes()["service-job"].stages))
    assert rows() == (None, [])
