"""The register of natural keys: the first row to claim a key owns it for ever."""

import threading

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from dispatch.adapters.natural_keys_memory import MemoryNaturalKeys
from dispatch.adapters.postgres.migrate import migrate
from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from ledgers import new_id

pytestmark = pytest.mark.acceptance("1.05", part="the register of natural keys; the primary key decides")
PROFILE = "service-jobs"


@pytest.fixture
def memory_keys():
    return MemoryNaturalKeys()


@pytest.fixture
def postgres_keys(database_url):
    migrate(database_url)
    with ConnectionPool(database_url, min_size=1, max_size=4) as pool:
        yield PostgresNaturalKeys(pool)


@pytest.fixture(params=["memory_keys", pytest.param("postgres_keys", marks=pytest.mark.postgres)])
def keys(request):
    return request.getfixturevalue(request.param)


def test_a_key_belongs_to_the_row_that_claimed_it_first(keys):
    first, second = new_id(), new_id()
    assert keys.claim(PROFILE, first, [(1, "A"), (2, "B")]) == set()
    assert keys.claim(PROFILE, second, [(7, "B"), (8, "C")]) == {7}
    assert keys.claim(PROFILE, second, [(9, "C")]) == {9}, "another row of the same batch is another row"


def test_claiming_again_changes_nothing(keys):
    batch = new_id()
    for _ in range(2):
        assert keys.claim(PROFILE, batch, [(1, "A"), (2, "B")]) == set()


def test_of_one_call_the_first_row_wins(keys):
    assert keys.claim(PROFILE, new_id(), [(5, "A"), (9, "A"), (7, "A"), (2, "B")]) == {7, 9}


def test_each_profile_has_its_own_keys(keys):
    assert keys.claim(PROFILE, new_id(), [(1, "A")]) == set()
    assert keys.claim("other", new_id(), [(1, "A")]) == set()


@pytest.mark.acceptance("S.09", part="the keys of an undone import are free again, those of kept jobs are not")
def test_an_import_that_is_taken_back_gives_up_its_keys_but_those_of_kept_rows(keys):
    undone, other, next_one = new_id(), new_id(), new_id()
    keys.claim(PROFILE, undone, [(1, "A"), (2, "B"), (3, "C")])
    keys.claim(PROFILE, other, [(1, "D")])
    for _ in range(2):
        keys.release(undone, [2])
    assert keys.claim(PROFILE, next_one, [(1, "A"), (2, "B"), (3, "C"), (4, "D")]) == {2, 4}


def test_a_row_after_a_reset_is_not_the_row_before_it(keys):
    batch = new_id()
    keys.claim(PROFILE, batch, [(1, "A"), (2, "B")])
    keys.release(batch, [2])
    for _ in range(2):
        assert keys.claim(PROFILE, batch, [(1, "A"), (2, "B")], resets=1) == {2}, "the kept job of row 2 owns it"
    keys.release(batch, [])
    assert keys.claim(PROFILE, batch, [(1, "A"), (2, "B")], resets=2) == {1}, "a late release is of its own time only"
    keys.release(batch, [], resets=1)
    assert keys.claim(PROFILE, batch, [(1, "A")], resets=2) == set()


def test_what_is_known_can_be_asked_without_claiming_anything(keys):
    keys.claim(PROFILE, new_id(), [(1, "A"), (2, "B")])
    for _ in range(2):
        assert keys.known(PROFILE, ["B", "C", "A", "C"]) == {"A", "B"}
    assert keys.known("other", ["A"]) == keys.known(PROFILE, []) == set()
    assert keys.claim(PROFILE, new_id(), [(1, "C")]) == set()


def test_nothing_to_claim(keys):
    assert keys.claim(PROFILE, new_id(), []) == set()


def test_two_imports_at_once_share_the_keys_out_without_a_deadlock(keys):
    batches, taken = [new_id(), new_id()], {}
    rows = [(number, f"K{number:03}") for number in range(1, 301)]
    orders = [rows, rows[::-1]]

    def claim(which):
        taken[which] = set()
        for start in range(0, len(rows), 30):
            taken[which] |= keys.claim(PROFILE, batches[which], orders[which][start : start + 30])

    threads = [threading.Thread(target=claim, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert taken[0] | taken[1] == {number for number, _ in rows}
    assert not taken[0] & taken[1]


@pytest.mark.postgres
def test_a_claim_waits_for_one_that_is_not_settled_and_takes_over_if_it_fails(postgres_keys, database_url):
    claimed = []
    with psycopg.connect(database_url) as other, psycopg.connect(database_url, autocommit=True) as watcher:
        other.execute("INSERT INTO intake.natural_keys VALUES (%s, 'A', %s, 1)", (PROFILE, new_id()))
        thread = threading.Thread(target=lambda: claimed.append(postgres_keys.claim(PROFILE, new_id(), [(1, "A")])))
        thread.start()
        waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'"
        while watcher.execute(waiting).rowcount == 0:
            watcher.execute("SELECT pg_sleep(0.01)")
        other.rollback()
        thread.join(30)
    assert claimed == [set()]


@pytest.mark.parametrize("repeated", [0, 1, 150, 299])
def test_many_keys_are_claimed_as_few_are(keys, repeated):
    first, second = new_id(), new_id()
    rows = [(row, f"Ü{row:04d}") for row in range(300, 0, -1)]
    assert keys.claim(PROFILE, first, rows) == set()
    assert keys.claim(PROFILE, first, rows) == set(), "an import that repeats itself"
    brought = rows[:repeated]
    others = [(row, f"new {row}") for row, _ in rows[repeated:]]
    assert keys.claim(PROFILE, second, brought + others) == {row for row, _ in brought}
    assert keys.claim(PROFILE, second, others) == set(), "those that were new are its own"


def test_of_many_in_one_call_the_first_row_wins(keys):
    rows = [(row, f"key {row % 200}") for row in range(1, 301)]
    assert keys.claim(PROFILE, new_id(), rows) == set(range(201, 301))
