"""Keys of an import stand in blocks: the same promises as for single keys, and nobody's neighbour pays."""

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dispatch.adapters.privacy.address_runs import AddressRuns
from dispatch.adapters.privacy.key_blocks import SLOTS, block_of
from dispatch.adapters.privacy.master_keys import key_id, parse_keys
from dispatch.adapters.privacy.rotation import Rotation
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.erase import EraseContact, read_address
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Append, JobColumns, NewJobs
from dispatch.application.ports.privacy import AddressKind, PersonUnreadable
from dispatch.domain.identity import batch_id, job_ids
from dispatch.domain.person import Person
from examples import ANN, NOON, chunk_admitted, completed
from ledgers import cause, new_id, opened_job

pytestmark = pytest.mark.postgres
COUNT = 1_500  # Two blocks.
ADDRESSES = COUNT + 999
job_id_of = job_ids(batch_id("ab" * 32), NOON)


def person_of(row):
    phone = f"+441632960{row:03d}" if row < 1_000 else ""  # There are not more numbers that nobody has.
    return replace(ANN, name=f"Ann {row}", email=f"ann{row}@example.org", phone=phone)


def marker():
    return Append(new_id(), 0, [chunk_admitted], cause())


def import_of(rows, job_id=job_id_of):
    return [
        Append(job_id(row), 0, [replace(opened_job(job_id(row)), row=row, person=person_of(row))], cause())
        for row in rows
    ]


@pytest.fixture
def imported(ledger):
    ledger.append_bulk(marker(), import_of(range(1, COUNT + 1)))
    return [job_id_of(row) for row in range(1, COUNT + 1)]


@pytest.fixture
def persons(ledger, vault):
    """What the vault reads of these jobs, by the row that their name tells."""

    def read(jobs):
        stored = {job: ledger.load(job).events[0].person for job in jobs}
        return [person and int(person.name.split()[1]) for person in vault.read(stored).values()]

    return read


@pytest.fixture
def erase(ledger, vault, tmp_path):
    return EraseContact(ledger, vault, FolderFileStore(tmp_path / "files"), utc_now)


def ask(pool, query, *asked):
    with pool.connection() as connection:
        return connection.execute(query, asked).fetchall()


def test_an_import_has_a_row_for_a_thousand_keys(imported, persons, pool):
    assert persons(imported) == list(range(1, COUNT + 1))
    assert ask(pool, "SELECT count(*) FROM privacy.key_blocks") == [(2,)]
    assert ask(pool, "SELECT count(*) FROM privacy.subject_keys") == [(0,)]


@pytest.mark.parametrize("few", [1, 15, 16, 17])
def test_few_and_many_of_a_block_are_read_alike(imported, persons, few):
    assert persons(imported[-few:]) == list(range(COUNT - few + 1, COUNT + 1))


def test_nothing_that_is_stored_is_a_key_and_no_two_slots_are_alike(imported, vault, pool):
    subjects = [bytes.fromhex(job.replace("-", "")) for job in imported]
    keys = vault._keys.find(subjects)
    [(first,), (second,)] = ask(pool, "SELECT keys FROM privacy.key_blocks ORDER BY block")
    stored = {both[at : at + 32] for both in (first, second) for at in range(0, len(both), 32)}
    assert len(stored) == 2 * SLOTS
    assert len(set(keys.values())) == COUNT
    assert stored.isdisjoint(keys.values())


def test_an_interrupted_import_finds_its_keys_again(ledger, vault, imported, persons):
    """The chunk is prepared twice, with more rows the second time, and recorded once."""
    other = job_ids(batch_id("cd" * 32), NOON)
    once = {append.stream: append for append in vault.encrypt(import_of(range(1, 200), other))}
    ledger.append_bulk(marker(), ledger.prepare(import_of(range(1, 1_200), other)))
    for job, append in once.items():
        assert vault.read({job: append.events[0].person})[job] == person_of(append.events[0].row)
    assert persons([other(row) for row in (1, 199, 1_023, 1_024, 1_199)]) == [1, 199, 1_023, 1_024, 1_199]


def test_two_workers_at_the_same_chunk_use_the_same_keys(ledger, process, vault):
    other = job_ids(batch_id("ef" * 32), NOON)
    prepared, barrier = [], threading.Barrier(4)

    def prepare():
        mine = process()[0]
        barrier.wait()
        prepared.append(mine.encrypt(import_of(range(1, 700), other)))

    threads = [threading.Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(prepared) == 4
    for appends in prepared:
        read = vault.read({append.stream: append.events[0].person for append in appends})
        assert [person.name for person in read.values()] == [f"Ann {row}" for row in range(1, 700)]


@pytest.mark.parametrize("kind", [AddressKind.EMAIL, AddressKind.PHONE])
def test_a_person_of_an_import_is_erased_and_the_neighbours_are_not(erase, imported, persons, pool, kind):
    address = read_address(kind, "ann7@example.org" if kind is AddressKind.EMAIL else "+441632960007")
    [before] = ask(pool, "SELECT keys FROM privacy.key_blocks ORDER BY block LIMIT 1")
    assert erase(address, "request 4711", "olga").jobs == (imported[6],)
    assert persons(imported[5:8]) == [6, None, 8]
    [after] = ask(pool, "SELECT keys FROM privacy.key_blocks ORDER BY block LIMIT 1")
    slot = block_of(bytes.fromhex(imported[6].replace("-", "")))[1] * 32
    assert after[0][slot : slot + 32] == bytes(32) != before[0][slot : slot + 32]
    assert (after[0][:slot], after[0][slot + 32 :]) == (before[0][:slot], before[0][slot + 32 :])
    contact = bytes.fromhex(erase.persons.contact_id(address).replace("-", ""))
    assert ask(pool, "SELECT count(*) FROM privacy.addresses WHERE uuid_send(contact) = %b", contact) == [(0,)]


def test_two_erasures_in_one_block_both_hold(erase, imported, persons):
    def gone(row):
        erase(read_address(AddressKind.EMAIL, f"ann{row}@example.org"), "request", "olga")

    threads = [threading.Thread(target=gone, args=(row,)) for row in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert persons(imported[:10]) == [None] * 8 + [9, 10]


def test_what_a_stage_finds_out_is_encrypted_under_the_key_of_the_block(ledger, vault, imported, pool):
    job = imported[3]
    found = replace(person_of(4), email="new@example.org")
    ledger.append([Append(job, 1, [replace(completed, job_id=job, person=found)], cause())])
    assert vault.read({job: ledger.load(job).events[1].person}) == {job: found}
    assert ask(pool, "SELECT count(*) FROM privacy.subject_keys") == [(0,)]


def test_an_erased_person_of_an_import_does_not_come_back(erase, ledger, vault, imported):
    erase(read_address(AddressKind.EMAIL, "ann4@example.org"), "request", "olga")
    ledger.append([Append(imported[3], 2, [replace(completed, job_id=imported[3], person=person_of(4))], cause())])
    assert ledger.load(imported[3]).events[-1].person is None
    assert erase.persons.jobs_of(erase.persons.contact_id(read_address(AddressKind.EMAIL, "ann4@example.org"))) == []


def test_a_subject_that_has_a_key_of_its_own_keeps_it(ledger, persons, pool):
    """As an import has that was begun before there were blocks."""
    other = job_ids(batch_id("12" * 32), NOON + timedelta(days=1))
    ledger.append(import_of([5], other))
    ledger.append_bulk(marker(), import_of([*range(1, 5), *range(6, 100)], other))
    assert persons([other(row) for row in range(1, 100)]) == list(range(1, 100))
    assert ask(pool, "SELECT count(*) FROM privacy.key_blocks") == [(0,)]


def test_the_master_key_is_rotated_under_blocks_too(erase, imported, persons, pool, process, key_file):
    erase(read_address(AddressKind.EMAIL, "ann2@example.org"), "request", "olga")
    before = ask(pool, "SELECT keys FROM privacy.key_blocks ORDER BY block")
    told = []
    _, count = Rotation(pool, process()[1])(lambda done, waiting: told.append((done, waiting)))
    [new] = parse_keys(key_file.read_text(), "file")
    assert ask(pool, "SELECT DISTINCT master_key FROM privacy.key_blocks") == [(key_id(new),)]
    assert count == 2 * SLOTS
    assert told[-1] == (count, count)
    assert persons(imported[:3]) == [1, None, 3]
    after = ask(pool, "SELECT keys FROM privacy.key_blocks ORDER BY block")
    changed = sum(a[i] != b[i] for (a,), (b,) in zip(after, before, strict=True) for i in range(len(a)))
    assert changed > 0.99 * 2 * SLOTS * 32


def test_a_changed_slot_is_noticed(imported, ledger, vault, pool):
    with pool.connection() as connection:
        connection.execute("UPDATE privacy.key_blocks SET keys = set_byte(keys, 40, get_byte(keys, 40) # 1)")
    with pytest.raises(PersonUnreadable, match="cannot be read"):
        vault.read({imported[0]: ledger.load(imported[0]).events[0].person})


def test_addresses_wait_in_runs_and_are_folded_into_the_index_once(imported, vault, pool):
    runs = AddressRuns(pool)
    assert ask(pool, "SELECT count(*) FROM privacy.addresses") == [(0,)]
    assert runs.fold() == ADDRESSES
    assert runs.fold() == 0
    assert ask(pool, "SELECT count(*) FROM privacy.addresses") == [(ADDRESSES,)]
    assert ask(pool, "SELECT count(*) FROM privacy.address_runs") == [(0,)]


def test_who_looks_an_address_up_sees_what_still_waits(imported, vault):
    address = read_address(AddressKind.EMAIL, "ann1400@example.org")
    assert vault.jobs_of(vault.contact_id(address)) == [imported[1_399]]


def test_jobs_without_a_person_among_the_imported_need_no_key_and_keep_their_place(ledger, vault, persons, pool):
    appends = import_of(range(1, 301))
    for place in (0, 7, 299):
        opened = replace(appends[place].events[0], person=Person())
        appends[place] = replace(appends[place], events=[opened])
    prepared = vault.encrypt(appends)
    assert [append.stream for append in prepared] == [append.stream for append in appends]
    assert [append.events[0].person == Person() for append in prepared] == [i in (0, 7, 299) for i in range(300)]
    ledger.append_bulk(marker(), ledger.prepare(appends))
    jobs = [append.stream for i, append in enumerate(appends) if i not in (0, 7, 299)]
    assert persons(jobs) == [i + 1 for i in range(300) if i not in (0, 7, 299)]
    with pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM privacy.subject_keys").fetchone() == (0,)


def columns_of(rows, persons, job_id=job_id_of):
    """The same import in columns, 100 rows at a time."""
    first = opened_job(job_id(1))
    parts = [
        JobColumns(
            references=[first.reference] * len(part),
            services=[first.service] * len(part),
            prices_pence=[first.price_pence] * len(part),
            persons=part,
            permissions=[first.permission] * len(part),
            details=[{}] * len(part),
        )
        for part in (persons[at : at + 100] for at in range(0, len(persons), 100))
    ]
    ids = [job_id(row) for row in rows]
    return NewJobs(
        cause=cause(), at=NOON, batch_id=first.batch_id, route=first.route, job_ids=ids, rows=list(rows), columns=parts
    )


@pytest.mark.parametrize("count", [3, 260])
def test_an_import_in_columns_is_encrypted_and_its_addresses_are_known(ledger, vault, persons, pool, count):
    rows = range(1, count + 1)
    whole = [Person() if row == 2 else person_of(row) for row in rows]
    ledger.append_bulk(marker(), ledger.prepare(columns_of(rows, whole)))
    jobs = [job_id_of(row) for row in rows]
    stored = [ledger.load(job).events[0].person for job in jobs]
    assert [person == Person() for person in stored] == [row == 2 for row in rows]
    assert not any(person.name or person.email for person in stored)
    assert persons([job for job in jobs if job != jobs[1]]) == [row for row in rows if row != 2]
    address = read_address(AddressKind.EMAIL, f"ann{count}@example.org")
    assert vault.jobs_of(vault.contact_id(address)) == [jobs[-1]]


def test_who_was_erased_before_the_chunk_is_recorded_stays_so(ledger, vault, pool):
    """An interrupted import prepares a chunk again, and one of its persons has asked to be erased meanwhile."""
    rows, jobs = range(1, 101), [job_id_of(row) for row in range(1, 101)]
    whole = [person_of(row) for row in rows]
    ledger.prepare(columns_of(rows, whole))
    vault.erase(Append(new_id(), 0, [chunk_admitted], cause()), [jobs[6]])
    ledger.append_bulk(marker(), ledger.prepare(columns_of(rows, whole)))
    stored = {job: ledger.load(job).events[0].person for job in jobs}
    assert [job for job, person in stored.items() if not person.encrypted] == [jobs[6]]
    assert stored[jobs[6]] == Person()


@given(st.binary(min_size=16, max_size=16))
def test_a_block_is_an_id_without_its_last_ten_bits(subject):
    block, slot = block_of(subject)
    assert int.from_bytes(block) + slot == int.from_bytes(subject)
    assert (slot, int.from_bytes(block) % SLOTS) == (int.from_bytes(subject) % SLOTS, 0)
