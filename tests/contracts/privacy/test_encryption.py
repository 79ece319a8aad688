"""Persons are stored encrypted, each job's under a key of its own, and read again with that key only."""

import pytest
from msgspec.structs import replace

from dispatch.adapters.privacy.master_keys import MasterKeys, written
from dispatch.application.ports.ledger import Append, VersionConflict
from dispatch.application.ports.privacy import KeyMissing
from dispatch.domain.person import Person
from examples import ANN, completed
from ledgers import cause, follow, new_id, start

pytestmark = pytest.mark.postgres
WORDS = [word.encode() for word in (ANN.name, ANN.email, ANN.phone, ANN.address, ANN.postcode)]


def states(plain_ledger):
    return [bytes(row[0]) for row in plain_ledger._fetch("SELECT state FROM ledger.stored_events", ())]


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "single"])
def test_nothing_of_a_person_is_stored_that_can_be_read(ledger, plain_ledger, vault, bulk):
    job, other = new_id(), new_id()
    if bulk:
        ledger.append_bulk(start(other), [start(job)])
    else:
        ledger.append([start(other)])
        ledger.append([start(job)])
    ledger.append([follow(job, 1)])  # A stage that learned something of the person.
    assert not [word for word in WORDS for state in states(plain_ledger) if word in state]
    opened, learned = ledger.load(job).events
    assert opened.person.name == ""
    assert opened.person.encrypted
    assert vault.read({job: opened.person}) == {job: ANN}
    assert vault.read({job: learned.person}) == {job: ANN}
    assert opened.person.encrypted != learned.person.encrypted


def test_an_import_that_is_repeated_in_part_keeps_the_keys_of_the_first_time(ledger, vault):
    jobs, marker = [new_id() for _ in range(120)], new_id()
    ledger.append_bulk(start(marker), [start(job) for job in jobs[:60]])
    ledger.append_bulk(start(new_id()), [start(job) for job in jobs[60:]])
    with pytest.raises(VersionConflict):  # Some have a key already.
        ledger.append_bulk(start(new_id()), [start(job) for job in jobs[30:90]])
    persons = {job: history.events[0].person for job, history in ledger.load_many(jobs).items()}
    assert vault.read(persons) == dict.fromkeys(jobs, ANN)


def test_the_same_person_twice_is_never_the_same_bytes(ledger):
    first, second = new_id(), new_id()
    ledger.append([start(first), start(second)])
    assert ledger.load(first).events[0].person != ledger.load(second).events[0].person


def test_a_person_that_is_moved_to_another_job_cannot_be_read(ledger, vault):
    first, second = new_id(), new_id()
    ledger.append([start(first), start(second)])
    with pytest.raises(KeyMissing, match="cannot be read"):
        vault.read({first: ledger.load(second).events[0].person})


@pytest.mark.parametrize("place", [0, 1, 13, -1])
def test_a_changed_byte_is_noticed(ledger, vault, place):
    job = new_id()
    ledger.append([start(job)])
    changed = bytearray(ledger.load(job).events[0].person.encrypted)
    changed[place] ^= 1
    with pytest.raises(KeyMissing):
        vault.read({job: Person(encrypted=bytes(changed))})


def test_a_repeated_append_finds_its_own_work_and_keeps_the_key(ledger, vault):
    job, marker = new_id(), new_id()
    once, twice = start(marker), start(job)
    assert ledger.append_bulk(once, [twice]) == ledger.append_bulk(once, [twice])
    assert vault.read({job: ledger.load(job).events[0].person}) == {job: ANN}


def test_a_conflict_costs_only_its_own_append_and_nobody_a_key(ledger, vault):
    job, other = new_id(), new_id()
    ledger.append([start(job)])
    conflict, done = ledger.append([start(job), start(other)])
    assert isinstance(conflict, VersionConflict)
    assert isinstance(done, range)
    assert vault.read({job: ledger.load(job).events[0].person}) == {job: ANN}


def test_persons_of_earlier_versions_that_are_plain_are_read_as_they_are(vault):
    assert vault.read({"j1": ANN}) == {"j1": ANN}


def test_a_key_that_is_gone_though_nobody_destroyed_it_is_not_an_erasure(ledger, vault, pool):
    job = new_id()
    ledger.append([start(job)])
    with pool.connection() as connection:
        connection.execute("DELETE FROM privacy.subject_keys")
    with pytest.raises(KeyMissing, match="nobody destroyed it"):
        vault.read({job: ledger.load(job).events[0].person})


def test_another_master_key_is_refused_before_anything_is_encrypted_under_it(ledger, process, tmp_path):
    ledger.append([start(new_id())])
    stranger, _ = process(tmp_path / "another.key")
    with pytest.raises(KeyMissing, match="put the right key there"):
        stranger.encrypt([start(new_id())])


def test_a_master_key_that_others_can_read_is_refused(vault, process, key_file):
    vault.encrypt([start(new_id())])
    assert key_file.stat().st_mode & 0o777 == 0o600
    key_file.chmod(0o644)
    with pytest.raises(KeyMissing, match="chmod 600"):
        process()[0].encrypt([start(new_id())])


@pytest.mark.parametrize("text", ["", "secret", written(b"k" * 32)[:-2], written(b"k" * 32) + " x"])
def test_a_setting_that_is_no_key_is_refused(tmp_path, text):
    (tmp_path / "master.key").write_text(text)
    (tmp_path / "master.key").chmod(0o600)
    with pytest.raises(KeyMissing, match="64 hexadecimal digits"):
        MasterKeys(tmp_path / "master.key").load()


def test_an_event_without_a_person_needs_no_key(ledger, pool):
    ledger.append([Append(new_id(), 0, [replace(completed, person=None)], cause())])
    with pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM privacy.subject_keys").fetchone() == (0,)
