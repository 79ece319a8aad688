"""Keys of new subjects are made in one statement, under the promises of the longer way."""

from uuid import UUID

import pytest

from dispatch.adapters.privacy.rotation import Rotation
from dispatch.adapters.privacy.subject_keys import SubjectKeys
from dispatch.domain.identity import batch_id, job_ids
from examples import NOON

pytestmark = pytest.mark.postgres
job_id_of = job_ids(batch_id("7d" * 32), NOON)
SUBJECTS = [UUID(job_id_of(row)).bytes for row in range(1, 4)]
CONTACTS = [bytes([number]) * 16 for number in range(1, 4)]
PAIRS = list(zip(CONTACTS, SUBJECTS, strict=True))
IMPORT = [UUID(job_id_of(row)).bytes for row in range(1_100, 1_200)]


@pytest.fixture
def keys(pool, process):
    return SubjectKeys(pool, process()[1])


@pytest.fixture
def addresses(pool):
    """The pairs of contact and subject that are stored."""

    def read():
        with pool.connection() as connection:
            rows = connection.execute("SELECT uuid_send(contact), uuid_send(subject) FROM privacy.addresses").fetchall()
        return sorted((bytes(contact), bytes(subject)) for contact, subject in rows)

    return read


def test_they_are_those_that_are_found_and_come_with_their_addresses(keys, addresses):
    made = keys.make(SUBJECTS, PAIRS)
    assert made == keys.find(SUBJECTS) == keys.ensure(SUBJECTS, [])
    assert len(set(made.values())) == len(SUBJECTS)
    assert addresses() == PAIRS


def test_who_has_a_key_keeps_it(keys, addresses):
    [first] = keys.ensure(SUBJECTS[:1], PAIRS[:1]).values()
    assert keys.make(SUBJECTS, PAIRS) is None
    assert keys.find(SUBJECTS[:1]) == {SUBJECTS[0]: first}
    assert keys.ensure(SUBJECTS, PAIRS) == keys.find(SUBJECTS)
    assert addresses() == PAIRS


def test_who_has_a_key_in_a_block_gets_no_second_one(keys, pool):
    imported, store = keys.reserve(IMPORT)
    store([])
    assert keys.make(IMPORT[:2], []) is None
    with pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM privacy.subject_keys").fetchone() == (0,)
    assert keys.ensure(IMPORT[:2], []) == {subject: imported[subject] for subject in IMPORT[:2]}


def test_of_one_who_was_erased_nothing_is_remembered(keys, pool, addresses):
    keys.make(SUBJECTS[:1], [])
    with pool.connection() as connection, connection.transaction():
        keys.destroy(connection, SUBJECTS[:1])
    assert keys.make(SUBJECTS, PAIRS) is None
    assert keys.ensure(SUBJECTS, PAIRS)[SUBJECTS[0]] is None
    assert addresses() == PAIRS[1:]


def test_under_a_master_key_that_was_rotated_away_nothing_is_made(keys, process, pool):
    keys.make(SUBJECTS[:1], PAIRS[:1])  # From here on this process believes that it knows the key in use.
    Rotation(pool, process()[1])()
    assert keys.make(SUBJECTS[1:], PAIRS[1:]) is None
    assert keys.find(SUBJECTS[1:]) == {}
    assert keys.ensure(SUBJECTS[1:], PAIRS[1:]) == keys.find(SUBJECTS[1:])
