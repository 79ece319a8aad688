"""Group commit: who shares a transaction, and who gets which answer."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dispatch.adapters.ledger.committer import EVENTS_MAX, GroupCommitter
from dispatch.adapters.ledger.framing import framed
from dispatch.application.ports.ledger import LedgerUnavailable, VersionConflict
from ledgers import follow, new_id, start

CALLERS = 64


class Recorder:
    """Stands where Postgres is: keeps the groups it was given, the first one until it is let go."""

    def __init__(self):
        self.groups, self.began, self.go_on = [], threading.Event(), threading.Event()

    def __call__(self, group):
        self.groups.append([append.stream for one in group for append in one.appends])
        self.began.set()
        assert self.go_on.wait(30)
        return [self.answer(one) for one in group]

    def answer(self, one):
        return [range(append.version, append.version + len(append.events)) for append in one.appends]


@pytest.fixture
def recorder():
    return Recorder()


async def gathered(recorder, committer, *asked):
    """Submit a first request, and while it is being recorded all of the others, in this order."""
    first = asyncio.ensure_future(committer.submit_async(framed([start(new_id())])))
    await asyncio.to_thread(recorder.began.wait, 30)
    waiting = []
    for appends in asked:
        waiting.append(asyncio.ensure_future(committer.submit_async(framed(appends))))
        await asyncio.sleep(0)  # Lets it take its place in the queue.
    recorder.go_on.set()
    await first
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.to_thread(committer.close)
    return answers


async def test_all_that_wait_share_one_transaction(recorder):
    streams = [new_id() for _ in range(CALLERS)]
    answers = await gathered(recorder, GroupCommitter(recorder), *([start(stream)] for stream in streams))
    assert recorder.groups[1:] == [streams]
    assert answers == [[range(1)]] * CALLERS


async def test_two_appends_to_one_stream_never_share_a_transaction_and_keep_their_order(recorder):
    one, two, three = new_id(), new_id(), new_id()
    asked = [[start(one)], [follow(one, 1), start(two)], [follow(two, 1)], [start(three)]]
    answers = await gathered(recorder, GroupCommitter(recorder), *asked)
    assert recorder.groups[1:] == [[one, three], [one, two], [two]]
    assert answers == [[range(1)], [range(1, 2), range(1)], [range(1, 2)], [range(1)]]


async def test_a_group_is_bounded(recorder):
    big, small = new_id(), new_id()
    many = [start(new_id()) for _ in range(EVENTS_MAX)]
    await gathered(recorder, GroupCommitter(recorder), [start(small)], many, [start(big)])
    assert [len(group) for group in recorder.groups[1:]] == [1, EVENTS_MAX, 1]


async def test_a_bug_in_one_request_fails_that_request_only(recorder):
    bad = new_id()

    def record(group):
        answers = recorder(group)
        if any(append.stream == bad for one in group for append in one.appends):
            raise ZeroDivisionError(bad)
        return answers

    answers = await gathered(recorder, GroupCommitter(record), [start(new_id())], [start(bad)], [start(new_id())])
    assert [type(answer) for answer in answers] == [list, ZeroDivisionError, list]


async def test_everybody_is_told_when_the_ledger_is_unavailable(recorder):
    def record(group):
        if len(recorder(group)) > 1:
            raise LedgerUnavailable("no route to host")
        return [[range(1)]]

    answers = await gathered(recorder, GroupCommitter(record), *([start(new_id())] for _ in range(3)))
    assert [str(answer) for answer in answers] == ["no route to host"] * 3
    assert len({id(answer) for answer in answers}) == 3, "threads would share one traceback"


async def test_a_caller_that_gave_up_costs_the_others_nothing(recorder):
    committer = GroupCommitter(recorder)
    given_up = asyncio.ensure_future(committer.submit_async(framed([start(new_id())])))
    await asyncio.to_thread(recorder.began.wait, 30)
    given_up.cancel()
    patient = asyncio.ensure_future(committer.submit_async(framed([start(new_id())])))
    await asyncio.sleep(0)
    recorder.go_on.set()
    assert await patient == [range(1)]
    assert given_up.cancelled()
    await asyncio.to_thread(committer.close)


def test_a_loop_that_was_closed_meanwhile_costs_the_others_nothing(recorder):
    committer = GroupCommitter(recorder)
    loop = asyncio.new_event_loop()
    abandoned = loop.create_task(committer.submit_async(framed([start(new_id())])))
    loop.run_until_complete(asyncio.sleep(0))
    assert recorder.began.wait(30)
    abandoned.cancel()
    loop.run_until_complete(asyncio.gather(abandoned, return_exceptions=True))
    loop.close()
    recorder.go_on.set()
    assert committer.submit(framed([start(new_id())])) == [range(1)]
    committer.close()


def test_closing_records_what_waits_and_refuses_what_comes_later(recorder):
    committer = GroupCommitter(recorder)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(committer.submit, framed([start(new_id())]))
        assert recorder.began.wait(30)
        closing = pool.submit(committer.close)
        recorder.go_on.set()
        assert waiting.result(30) == [range(1)]
        closing.result(30)
    with pytest.raises(LedgerUnavailable, match="the ledger is closed"):
        committer.submit(framed([start(new_id())]))


@pytest.mark.postgres
def test_64_threads_at_once_and_a_conflict_fails_only_its_own(postgres_ledger):
    streams = [new_id() for _ in range(CALLERS)]
    taken = streams[17]
    postgres_ledger.append([start(taken)])
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = [answer for [answer] in pool.map(lambda stream: postgres_ledger.append([start(stream)]), streams)]
    failed = [answer for answer in answers if isinstance(answer, VersionConflict)]
    assert [(answer.stream, answer.found) for answer in failed] == [(taken, 1)]
    positions = sorted(answer.start for answer in answers if isinstance(answer, range))
    assert positions == [r.position for r in postgres_ledger.read(1, 100)]
    assert [postgres_ledger.load(stream).version for stream in streams] == [1] * CALLERS


@pytest.mark.postgres
async def test_64_coroutines_at_once_each_with_its_own_answer(postgres_ledger):
    streams = [new_id() for _ in range(CALLERS)]

    async def caller(stream):
        answers = []
        for version in range(5):
            [answer] = await postgres_ledger.append_async([follow(stream, version)])
            answers.append(answer)
        [conflict] = await postgres_ledger.append_async([start(stream)])
        return answers, conflict.found

    answered = await asyncio.gather(*(caller(stream) for stream in streams))
    by_position = {record.position: record for record in postgres_ledger.read(0, 1_000)}
    assert len(by_position) == 5 * CALLERS
    for stream, (answers, found) in zip(streams, answered, strict=True):
        assert found == 5
        assert [by_position[answer.start].stream for answer in answers] == [stream] * 5
        assert [by_position[answer.start].version for answer in answers] == [1, 2, 3, 4, 5]
