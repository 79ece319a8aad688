"""Callers who come at the same moment share one commit for their keys, and each gets its own."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from dispatch.adapters.privacy.keys_at_once import KeysAtOnce
from dispatch.adapters.privacy.subject_keys import SubjectKeys
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.domain.identity import batch_id, job_ids
from examples import NOON
from ledgers import opened_job, start

pytestmark = pytest.mark.postgres
CALLERS = 12
job_id_of = job_ids(batch_id("ce" * 32), NOON)


@pytest.fixture
def held_up(database_url):
    """Whoever looks for a key waits until this block ends, and the others gather."""
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE privacy.subject_keys IN ACCESS EXCLUSIVE MODE")
        yield holder


def test_those_who_wait_share_the_next_commit(ledger, vault, pool, held_up):
    jobs = [job_id_of(row) for row in range(1, CALLERS + 1)]
    with ThreadPoolExecutor(CALLERS) as callers:
        answers = [callers.submit(ledger.append, [start(job, events=[opened_job(job)])]) for job in jobs]
        until = time.monotonic() + 20
        while len(vault._at_once._waiting) < CALLERS - 1 and time.monotonic() < until:
            time.sleep(0.01)
        held_up.rollback()
        assert all(isinstance(position, range) for answer in answers for position in answer.result())
    with pool.connection() as connection:
        made = connection.execute("SELECT count(*), count(DISTINCT xmin::text) FROM privacy.subject_keys").fetchone()
    assert made == (CALLERS, 2), "one for the first, one for all who waited"
    stored = {job: ledger.load(job).events[0].person for job in jobs}
    assert vault.read(stored) == {job: opened_job(job).person for job in jobs}


def test_an_accident_is_said_to_all_who_share_it_and_the_next_one_asks_anew(pool, process):
    keys = SubjectKeys(pool, process()[1])
    at_once = KeysAtOnce(keys)
    subjects = [bytes.fromhex(job_id_of(row).replace("-", "")) for row in range(1, 4)]
    ensure, gone = keys.ensure, threading.Event()

    def gone_once(asked, addresses):
        if not gone.is_set():
            gone.set()
            raise LedgerUnavailable("gone")
        return ensure(asked, addresses)

    keys.ensure = gone_once
    with pytest.raises(LedgerUnavailable, match="gone"):
        at_once.ensure(subjects[:1], [])
    assert list(at_once.ensure(subjects, [])) == subjects
    assert at_once.ensure(subjects[1:2], [])[subjects[1]] == ensure(subjects, [])[subjects[1]]
