"""An append that was recorded although its answer was lost, and one that Postgres did not survive (promises R0, R1)."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from dispatch.adapters.postgres.migrate import migrate
from dispatch.application.ports.ledger import LedgerUnavailable
from examples import received
from ledgers import new_id, opened_ledger, start
from processes import await_gone
from proxy import lossy_proxy
from stress.replies import appended, lose_replies

pytestmark = pytest.mark.postgres

CALLERS = 8


@pytest.mark.acceptance("2.22", part="the ledger: a command whose reply was lost has one effect")
def test_commands_whose_replies_are_lost_have_one_effect_each(database_url):
    """`make stress` does the same with 100,000 commands and 4 % of replies lost: benchmarks/results/stress.md."""
    migrate(database_url)
    came = lose_replies(database_url, commands=240, lost=0.15, callers=CALLERS)
    assert came.lost > came.requests * 0.05, "too few replies were lost to prove anything"
    assert came.effects == came.commands == 240
    assert (came.refused, came.misplaced) == (0, 0)


@pytest.mark.parametrize("lost", [b"BatchReceived", b"COMMIT"], ids=["before the commit", "after it"])
def test_an_import_whose_reply_is_lost_is_recorded_once(database_url, postgres_ledger, lost):
    armed = []

    def loses(request):
        return bool(armed) and armed[0] in request and bool(armed.pop())

    with lossy_proxy(database_url, loses) as (url, proxy), opened_ledger(url) as ledger:
        jobs = [start(new_id()) for _ in range(50)]
        armed.append(lost)
        positions = ledger.append_bulk(start(new_id(), events=[received]), jobs)
    assert proxy.lost == 1
    assert [r.position for r in postgres_ledger.read(0, 200)] == list(positions)
    assert len(positions) == 51


def test_reading_survives_a_lost_reply(database_url, postgres_ledger):
    armed = []
    postgres_ledger.append([start(new_id())])

    def loses(request):
        return bool(armed) and request[:1] != b"X" and armed.pop()  # X: the client says good-bye.

    with lossy_proxy(database_url, loses) as (url, proxy), opened_ledger(url) as ledger:
        ledger.ping()
        armed.append(True)
        assert ledger.read(0, 10) == postgres_ledger.read(0, 10)
    assert proxy.lost == 1


@pytest.fixture
def own_server(tmp_path):
    with EmbeddedPostgres(tmp_path / "postgres", settings={"max_connections": "30"}) as server:
        yield server


@pytest.mark.timeout(90)
@pytest.mark.acceptance(
    "X20", part="the ledger: what was answered survives kill -9 of Postgres, the rest is safe to ask again"
)
def test_postgres_killed_under_load_records_each_append_once(own_server):
    answered: dict[str, range] = {}
    asked: list[str] = []
    enough, stop = threading.Event(), threading.Event()
    with opened_ledger(own_server.url) as ledger:

        def caller(_):
            while not stop.is_set():
                append = start(new_id())
                asked.append(append.stream)
                [answered[append.stream]] = appended(ledger, [append])
                if len(answered) > 300:
                    enough.set()

        with ThreadPoolExecutor(CALLERS) as pool:
            running = [pool.submit(caller, number) for number in range(CALLERS)]
            try:
                assert enough.wait(60)
                pid = own_server.pid
                os.kill(pid, signal.SIGKILL)
                await_gone(pid, limit_s=10)
                before = set(answered)
                own_server.start()
            finally:
                stop.set()
            for caller_done in running:
                caller_done.result(60)
        recorded = ledger.read(0, 2 * len(asked))
    assert {r.stream: range(r.position, r.position + 1) for r in recorded} == answered
    assert len(recorded) == len(answered) == len(asked)
    assert before <= set(answered)


def test_a_server_that_is_gone_is_told_as_such(own_server):
    with opened_ledger(own_server.url) as ledger:
        ledger.append([start(new_id())])
        own_server.stop()
        with pytest.raises(LedgerUnavailable):
            ledger.ping()
        with pytest.raises(LedgerUnavailable):
            ledger.load(new_id())
        own_server.start()
        stream = new_id()
        assert len(appended(ledger, [start(stream)])) == 1
        assert ledger.load(stream).version == 1


def test_what_postgres_refuses_is_no_accident(database_url, postgres_ledger):
    """Repeating would not help, so it is not called unavailable."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP FUNCTION ledger.append")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        postgres_ledger.append([start(new_id())])
