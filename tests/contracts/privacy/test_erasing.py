"""A person is erased by destroying keys: found by any address, all jobs, nobody else's, and for good."""

import pytest
from msgspec.structs import replace

import examples
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.erase import AddressInvalid, EraseContact, read_address
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.privacy import AddressKind
from dispatch.domain.contact.decide import ContactUnknown
from dispatch.domain.contact.events import SubjectErased
from dispatch.domain.identity import batch_id
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import JobStatus
from dispatch.domain.person import SlotPerson
from examples import ANN, CORRECTION_HASH, FILE_HASH, completed
from ledgers import cause, new_id, opened_job

pytestmark = pytest.mark.postgres
PHONE = read_address(AddressKind.PHONE, "01632 960001")
EMAIL = read_address(AddressKind.EMAIL, "Ann@example.org ")
BEN = replace(ANN, name="Ben", email="ben@example.org", phone="+441632960002")


@pytest.fixture
def erase(ledger, vault, tmp_path):
    return EraseContact(ledger, vault, FolderFileStore(tmp_path / "files"), utc_now)


@pytest.fixture
def bring(ledger):
    def bring(person):
        job = new_id()
        ledger.append([Append(job, 0, [replace(opened_job(job), person=person)], cause())])
        return job

    return bring


@pytest.fixture
def person(ledger, vault):
    return lambda job: vault.read({job: decider.fold(ledger.load(job).events).person})[job]


@pytest.mark.parametrize("address", [PHONE, EMAIL], ids=["phone", "email"])
def test_every_job_of_an_address_is_erased_and_nobody_elses(erase, bring, person, ledger, address):
    jobs, ben = {bring(ANN), bring(ANN)}, bring(BEN)
    erasure = erase(address, "request 4711", "olga")
    assert set(erasure.jobs) == jobs
    assert [person(job) for job in jobs] == [None, None]
    assert person(ben) == BEN
    [event] = ledger.load(erasure.contact_id).events
    assert isinstance(event, SubjectErased)
    assert (event.by, event.reason, set(event.jobs)) == ("olga", "request 4711", jobs)


def test_whoever_fills_a_slot_of_a_company_is_found_and_erased_with_the_whole_job(erase, bring, person, ledger):
    job = bring(replace(ANN, email="", phone=""))
    slots = (
        SlotPerson(position=1, role="CEO", name="Cleo", email="Cleo@c.example"),
        SlotPerson(position=3, role="HR Director", name="Hal", phone="+441632960077"),
    )
    found = replace(completed, job_id=job, person=replace(ANN, email="", phone="", slots=slots))
    ledger.append([Append(job, 1, [found], cause())])
    assert person(job).slots == slots
    [stored] = [event for event in ledger.load(job).events if isinstance(event, type(completed))]
    assert b"cleo" not in stored.person.encrypted.lower()
    assert erase.preview(read_address(AddressKind.PHONE, "01632 960077")).jobs == (job,)
    assert erase(read_address(AddressKind.EMAIL, "cleo@c.example"), "request 4712", "olga").jobs == (job,)
    assert person(job) is None


def test_an_address_that_a_stage_found_out_leads_to_the_person_too(erase, bring, person, ledger):
    job = bring(replace(ANN, email=""))
    ledger.append([Append(job, 1, [replace(completed, job_id=job, person=ANN)], cause())])
    erase(EMAIL, "request 4711", "olga")
    assert person(job) is None


def test_open_jobs_end_and_sent_ones_are_followed_on(erase, bring, ledger):
    waiting, sent = bring(ANN), bring(ANN)
    ledger.append([Append(sent, 1, [replace(completed, job_id=sent, stage="dispatch", person=None)], cause())])
    erasure = erase(PHONE, "request 4711", "olga")
    assert erasure.cancelled == (waiting,)
    assert decider.fold(ledger.load(waiting).events).status is JobStatus.CANCELLED
    assert decider.fold(ledger.load(sent).events).status is JobStatus.RUNNING


def test_a_file_that_another_run_still_reads_is_kept_for_it(erase, bring, ledger, tmp_path):
    bring(ANN)
    upload = erase.files.new_upload()
    upload.write_text("rows")
    erase.files.keep(upload, FILE_HASH)
    for run, events in ((1, (examples.judged, examples.admitted)), (2, ())):
        batch = batch_id(FILE_HASH, run)
        received = replace(examples.received, batch_id=batch, run=run)
        ledger.append([Append(batch, 0, [received, *(replace(event, batch_id=batch) for event in events)], cause())])
    job = new_id()
    opened = replace(opened_job(job), batch_id=batch_id(FILE_HASH, 1))
    ledger.append([Append(job, 0, [opened], cause())])
    erasure = erase(PHONE, "request 4711", "olga")
    assert (erasure.files_removed, erasure.files_needed) == ((), (FILE_HASH,))
    assert erase.files.has(FILE_HASH)


@pytest.mark.parametrize("waits", [False, True])
def test_the_files_of_corrections_go_with_the_file_of_the_batch_unless_they_wait(erase, bring, ledger, tmp_path, waits):
    for file_hash in (FILE_HASH, CORRECTION_HASH):
        upload = erase.files.new_upload()
        upload.write_text("rows")
        erase.files.keep(upload, file_hash)
    batch = batch_id(FILE_HASH, 1)
    story = [examples.received, examples.judged, examples.admitted, examples.correction_received]
    story += [] if waits else [examples.correction_judged]
    ledger.append([Append(batch, 0, [replace(event, batch_id=batch) for event in story], cause())])
    job = new_id()
    ledger.append([Append(job, 0, [replace(opened_job(job), batch_id=batch, person=ANN)], cause())])
    erasure = erase(PHONE, "request 4711", "olga")
    both = tuple(sorted((FILE_HASH, CORRECTION_HASH)))
    assert (erasure.files_removed, erasure.files_needed) == (((), both) if waits else (both, ()))
    assert [erase.files.has(file_hash) for file_hash in both] == [waits, waits]


def test_a_preview_changes_nothing(erase, bring, person, ledger):
    job = bring(ANN)
    preview, head = erase.preview(PHONE), ledger.head()
    assert preview.jobs == preview.cancelled == (job,)
    assert person(job) == ANN
    assert ledger.head() == head
    assert erase(PHONE, "request 4711", "olga").jobs == preview.jobs


def test_asked_twice_it_is_recorded_once(erase, bring, ledger):
    bring(ANN)
    first, head = erase(PHONE, "request 4711", "olga"), ledger.head()
    assert erase(PHONE, "request 4711", "olga").jobs == first.jobs
    assert ledger.head() == head


def test_whoever_comes_back_is_a_new_person_with_a_new_key(erase, bring, person):
    old = bring(ANN)
    erase(PHONE, "request 4711", "olga")
    again = bring(ANN)
    assert (person(old), person(again)) == (None, ANN)
    assert erase(PHONE, "request 4712", "olga").jobs == (old, again)


def test_what_a_stage_learns_of_an_erased_person_is_not_kept(erase, bring, person, ledger):
    job = bring(ANN)
    erase(PHONE, "request 4711", "olga")
    ledger.append([Append(job, 2, [replace(completed, job_id=job)], cause())])
    assert ledger.load(job).events[-1].person is None
    assert erase.preview(EMAIL).jobs == ()


def test_an_address_of_which_nothing_is_known_is_refused(erase):
    with pytest.raises(ContactUnknown):
        erase(PHONE, "request 4711", "olga")


@pytest.mark.parametrize(("kind", "text"), [(AddressKind.PHONE, "12"), (AddressKind.EMAIL, "ann")])
def test_what_is_no_address_is_refused(kind, text):
    with pytest.raises(AddressInvalid):
        read_address(kind, text)


def test_where_another_erasure_was_recorded_first_nothing_is_destroyed(vault, bring, person, ledger, erase):
    job = bring(ANN)
    contact = vault.contact_id(PHONE)
    event = SubjectErased(contact_id=contact, at=utc_now(), by="olga", reason="r", jobs=(job,))
    ledger.append([Append(contact, 0, [event], cause())])
    assert not vault.erase(Append(contact, 0, [event], cause()), [job])
    assert person(job) == ANN
