"""The master key is rotated under a running system: every key is wrapped anew, and the ledger is not touched."""

import pytest

from dispatch.adapters.privacy.cipher import new_key
from dispatch.adapters.privacy.master_keys import key_id, parse_keys, written
from dispatch.adapters.privacy.rotation import Rotation
from dispatch.application.ports.privacy import KeyMissing
from examples import ANN
from ledgers import new_id, start

pytestmark = pytest.mark.postgres


@pytest.fixture
def jobs(ledger):
    jobs = [new_id() for _ in range(7)]
    ledger.append([start(job) for job in jobs])
    return jobs


def persons(ledger, vault, jobs):
    return list(vault.read({job: ledger.load(job).events[0].person for job in jobs}).values())


def test_every_key_is_wrapped_anew_and_the_old_master_key_is_gone(ledger, pool, process, vault, jobs, key_file):
    [old] = parse_keys(key_file.read_text(), "file")
    before = ledger.load_many(jobs)
    contact = vault._keyring.index_key()
    in_use, wrapped = Rotation(pool, process()[1])()
    [new] = parse_keys(key_file.read_text(), "file")
    assert new != old
    assert (in_use, wrapped) == (key_id(new).hex(), len(jobs))
    with pool.connection() as connection:
        found = connection.execute("SELECT DISTINCT master_key FROM privacy.subject_keys").fetchall()
    assert found == [(key_id(new),)]
    assert ledger.load_many(jobs) == before
    assert process()[1].index_key() == contact


def test_a_process_that_slept_through_a_rotation_reads_and_writes_on(ledger, pool, process, vault, jobs):
    Rotation(pool, process()[1])()
    assert persons(ledger, vault, jobs) == [ANN] * len(jobs)
    late = new_id()
    ledger.append([start(late)])
    assert persons(ledger, process()[0], [late]) == [ANN]


def test_an_interrupted_rotation_is_finished_by_the_next(ledger, pool, process, jobs, key_file, monkeypatch):
    interrupted = Rotation(pool, process()[1])

    def break_off(done, all_of_them):
        raise KeyboardInterrupt

    monkeypatch.setattr("dispatch.adapters.privacy.rotation.KEYS_PER_STEP", 3)
    with pytest.raises(KeyboardInterrupt):
        interrupted(break_off)
    assert len(parse_keys(key_file.read_text(), "file")) == 2
    assert persons(ledger, process()[0], jobs) == [ANN] * len(jobs)
    assert Rotation(pool, process()[1])()[1] == len(jobs) - 3
    assert len(parse_keys(key_file.read_text(), "file")) == 1
    assert persons(ledger, process()[0], jobs) == [ANN] * len(jobs)


def test_what_was_erased_stays_erased(ledger, pool, process, vault, jobs):
    with pool.connection() as connection:
        connection.execute("UPDATE privacy.subject_keys SET wrapped = NULL WHERE subject = %s", (jobs[0],))
    Rotation(pool, process()[1])()
    assert persons(ledger, vault, jobs) == [None] + [ANN] * (len(jobs) - 1)


def test_keys_of_a_setting_rotate_to_the_first_one_named(ledger, pool, process, jobs, key_file, tmp_path):
    [old] = parse_keys(key_file.read_text(), "file")
    new = new_key()
    _, keyring = process(tmp_path / "none", f"{written(new)},{written(old)}")
    assert Rotation(pool, keyring)() == (key_id(new).hex(), len(jobs))
    assert not (tmp_path / "none").exists()
    only_new, _ = process(tmp_path / "none", written(new))
    assert persons(ledger, only_new, jobs) == [ANN] * len(jobs)
    only_old, _ = process()
    with pytest.raises(KeyMissing):
        persons(ledger, only_old, jobs)
