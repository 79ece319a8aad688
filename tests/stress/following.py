"""Following without holes: writer processes append while readers follow; what each saw is held against the ledger."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

import psycopg

from stress.readers import Record, Seen, follow
from stress.writers import write

TRUTH = "SELECT notification_id, originator_id::text, originator_version FROM ledger.stored_events ORDER BY 1"
AT_ONCE = 10_000


@dataclass(frozen=True)
class Followed:
    """What came of a run. `missed`, `twice` and `disordered` are summed over all readers."""

    events: int
    gaps: int  # Positions that no event has, because their transaction was rolled back.
    writers: int
    readers: int
    reads: int
    seconds: float
    missed: int
    twice: int
    disordered: int
    same: bool  # Every reader saw the same events, each at its position, as the ledger holds in the end.


def follow_writers(url: str, *, events: int, writers: int, readers: int, seed: int = 7) -> Followed:
    """Append `events` in all to a migrated empty database, which readers follow. Raises RuntimeError when one fails."""
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    receivers, processes = [], []
    for number in range(readers):
        receiver, sender = context.Pipe(duplex=False)
        processes.append(context.Process(target=_read, args=(url, over, seed + number, sender), daemon=True))
        receivers.append(receiver)
        processes[-1].start()
        sender.close()
    shares = [events // writers + (number < events % writers) for number in range(writers)]
    writing = [
        context.Process(target=write, args=(url, share, seed * 1_000 + number), daemon=True)
        for number, share in enumerate(shares)
    ]
    started = time.perf_counter()
    try:
        for process in writing:
            process.start()
        for process in writing:
            process.join()
        over.set()
        seen = [_received(receiver) for receiver in receivers]
        seconds = time.perf_counter() - started
        failed = [process.exitcode for process in writing if process.exitcode]
        if failed:
            raise RuntimeError(f"{len(failed)} writers failed")
    finally:
        for process in [*writing, *processes]:
            process.kill()
            process.join()
    return _judge(url, seen, writers, seconds)


def _read(url: str, over: Event, seed: int, sender: Connection) -> None:
    sender.send(follow(url, over.is_set, seed))


def _received(receiver: Connection) -> Seen:
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError("a reader failed") from None


def _judge(url: str, seen: list[Seen], writers: int, seconds: float) -> Followed:
    truth = recorded(url)
    events = set(truth.positions)
    return Followed(
        events=len(events),
        gaps=truth.positions[-1] - truth.positions[0] + 1 - len(events),
        writers=writers,
        readers=len(seen),
        reads=sum(one.reads for one in seen),
        seconds=seconds,
        missed=sum(len(events.difference(one.positions)) for one in seen),
        twice=sum(_total(Counter(one.positions), lambda times: times - 1) for one in seen),
        disordered=sum(_disordered(one) for one in seen),
        same=all(one.digest == truth.digest for one in seen),
    )


def recorded(url: str) -> Seen:
    """What the ledger holds in the end, read in one piece when nobody writes."""
    record = Record()
    with psycopg.connect(url) as connection, connection.cursor(name="truth") as cursor:
        cursor.execute(TRUTH)
        while rows := cursor.fetchmany(AT_ONCE):
            record.add(rows)
    return record.seen()


def _total(counts: Counter[int], of: Callable[[int], int]) -> int:
    return sum(of(times) for times in counts.values())


def _disordered(seen: Seen) -> int:
    return sum(later <= earlier for earlier, later in zip(seen.positions, seen.positions[1:], strict=False))
