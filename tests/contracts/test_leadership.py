"""Leadership: one leads; when Postgres holds its session for gone, another does, and the first hears of it."""

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest

from dispatch.adapters.postgres import leadership as leadership_module
from dispatch.adapters.postgres.leadership import KEYS, leadership

pytestmark = pytest.mark.postgres
WITHIN_S = 40
LEADERS = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid::bigint << 32 | objid::bigint = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(leadership_module, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(leadership_module, "CHECK_EVERY_S", 0.05)


class Contender:
    """Somebody who wants to lead."""

    def __init__(self, url, role="relay"):
        self.url, self.role, self.stop = url, role, asyncio.Event()
        self.leads, self.heard_over = asyncio.Event(), asyncio.Event()

    async def contend(self):
        async with leadership(self.url, self.role, self.stop) as over:
            if not self.stop.is_set():
                self.leads.set()
            await over.wait()
            self.heard_over.set()


@asynccontextmanager
async def contending(*contenders):
    tasks = [asyncio.ensure_future(contender.contend()) for contender in contenders]
    try:
        yield
    finally:
        for contender in contenders:
            contender.stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), WITHIN_S)


def leaders(url, role="relay"):
    with psycopg.connect(url) as connection:
        return [pid for (pid,) in connection.execute(LEADERS, (KEYS[role],))]


async def within(event):
    await asyncio.wait_for(event.wait(), WITHIN_S)


async def test_of_two_contenders_one_leads_and_the_other_follows_when_it_stops(database_url):
    first, second = Contender(database_url), Contender(database_url)
    async with contending(first):
        await within(first.leads)
        async with contending(second):
            with pytest.raises(TimeoutError):  # Ten times it asks.
                await asyncio.wait_for(second.leads.wait(), 0.5)
            assert len(leaders(database_url)) == 1
            first.stop.set()
            await within(first.heard_over)
            await within(second.leads)


async def test_when_the_leaders_connection_is_ended_the_other_takes_over_and_the_first_hears_it(database_url):
    first, second = Contender(database_url), Contender(database_url)
    async with contending(first):
        await within(first.leads)
        async with contending(second):
            [leader] = leaders(database_url)
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(%s)", (leader,))
            await within(first.heard_over)
            await within(second.leads)
            assert leaders(database_url) != [leader]


async def test_a_leader_that_falls_silent_loses_its_session(database_url, monkeypatch):
    monkeypatch.setattr(leadership_module, "SILENT_MAX_S", 1)
    monkeypatch.setattr(leadership_module, "CHECK_EVERY_S", 3)
    silent, second = Contender(database_url), Contender(database_url)
    async with contending(silent):
        await within(silent.leads)
        async with contending(second):
            await within(second.leads)
            await within(silent.heard_over)


async def test_each_role_has_its_own_leader(database_url):
    relay, sealer = Contender(database_url), Contender(database_url, "sealer")
    async with contending(relay, sealer):
        await within(relay.leads)
        await within(sealer.leads)


async def test_who_stops_while_standing_by_never_leads_and_leaves_no_connection(database_url):
    first, second = Contender(database_url), Contender(database_url)
    async with contending(first):
        await within(first.leads)
        async with contending(second):
            second.stop.set()
            await within(second.heard_over)
            assert not second.leads.is_set()
    with psycopg.connect(database_url, autocommit=True) as connection:
        others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        async with asyncio.timeout(WITHIN_S):
            while connection.execute(others).rowcount:
                await asyncio.to_thread(connection.execute, "SELECT pg_sleep(0.01)")


async def test_without_a_postgres_it_waits_and_can_be_stopped():
    nobody = Contender("postgresql://127.0.0.1:1/none")
    async with contending(nobody):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(nobody.leads.wait(), 0.3)
    assert not nobody.leads.is_set()
