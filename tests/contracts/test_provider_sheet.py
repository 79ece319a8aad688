"""The sheet of providers: one breaker for all workers, one probe at a time, and a cap that holds whoever spends."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.provider_sheet import PostgresProviderSheet
from dispatch.adapters.provider_sheet_memory import MemoryProviderSheet
from dispatch.application.ports.provider_sheet import ProviderSheet, Report, Spent
from dispatch.domain.breaker import BreakerState
from ledgers import opened_ledger

ILL = Report(calls=20, failures=20, took_ms=400)


@pytest.fixture
def postgres_sheet(database_url):
    with opened_ledger(database_url), ConnectionPool(database_url, min_size=1, max_size=8) as pool:
        sheet = PostgresProviderSheet(pool, chance=lambda: 0.0)
        sheet.prepare()
        sheet.prepare()  # Twice does no harm.
        yield sheet


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def sheet(request) -> ProviderSheet:
    return MemoryProviderSheet() if request.param == "memory" else request.getfixturevalue("postgres_sheet")


def test_nobody_reported_means_nothing_is_known(sheet):
    assert sheet.exchange({}) == {}
    assert not sheet.take_probe("main", 10)


def test_reports_of_all_workers_open_one_breaker(sheet):
    sheet.exchange({"main": Report(calls=10, failures=10)})
    standings = sheet.exchange({"main": Report(calls=10, failures=10, took_ms=200), "spare": Report(calls=1)})
    assert standings["main"].state is BreakerState.OPEN
    assert 4 < standings["main"].reopens_in_s <= 6
    assert standings["main"].score == pytest.approx(0.0, abs=0.01)
    assert standings["spare"].state is BreakerState.CLOSED
    assert sheet.exchange({})["main"].state is BreakerState.OPEN


def test_health_and_time_are_averaged(sheet):
    standing = sheet.exchange({"main": Report(calls=10, failures=1, took_ms=500)})["main"]
    assert standing.score == pytest.approx(0.9)
    assert standing.took_ms == pytest.approx(50)


def test_one_probe_at_a_time_and_its_answer_decides(sheet):
    sheet.exchange({"main": Report(calls=1, failures=1, tripped=True)})
    assert not sheet.take_probe("main", 10), "it is open: nobody probes yet"
    wait_until_half_open(sheet)
    assert sheet.take_probe("main", 10)
    assert not sheet.take_probe("main", 10)
    assert sheet.exchange({"main": Report(calls=1)})["main"].state is BreakerState.CLOSED
    assert not sheet.take_probe("main", 10), "it is closed: nobody needs to"


def wait_until_half_open(sheet) -> None:
    deadline = time.monotonic() + 15
    while sheet.exchange({})["main"].state is not BreakerState.HALF_OPEN:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_probe_that_never_answers_is_given_to_the_next_one(sheet):
    sheet.exchange({"main": Report(calls=1, failures=1, tripped=True)})
    wait_until_half_open(sheet)
    assert sheet.take_probe("main", 0.0)
    assert sheet.take_probe("main", 10)


def test_a_cap_is_never_passed_and_what_was_not_used_comes_back(sheet):
    assert sheet.reserve("main", 2_500, 3, 10_000) == 3
    assert sheet.reserve("main", 2_500, 3, 10_000) == 1
    assert sheet.reserve("main", 2_500, 1, 10_000) == 0
    assert sheet.spent() == {"main": Spent(millipence=10_000, calls=4)}
    sheet.give_back("main", 2_500, 2)
    assert sheet.reserve("main", 2_500, 3, 10_000) == 2
    assert sheet.reserve("free", 0, 500, 0) == 500


def test_many_who_spend_at_once_stay_within_the_cap(sheet):
    def spend(_: int) -> int:
        return sum(sheet.reserve("main", 100, 3, 100 * 100) for _ in range(20))

    with ThreadPoolExecutor(4) as threads:
        covered = sum(threads.map(spend, range(4)))
    assert covered == 100
    assert sheet.spent()["main"] == Spent(millipence=10_000, calls=100)
