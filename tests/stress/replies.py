"""Lost replies: commands that are repeated until they are answered have one effect each."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from dispatch.adapters.upcasting import SHAPES
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.domain.job.events import StageCompleted
from ledgers import follow, new_id, opened_ledger
from proxy import lossy_proxy

VERSIONS = 4  # Commands to each stream.
READ_AT_ONCE = 5_000
NAME = SHAPES.names[StageCompleted].encode()
TOPIC = len(NAME).to_bytes(4) + NAME  # With its length, as framing.py sends it: one an event.


@dataclass(frozen=True)
class Replied:
    """What came of a run."""

    commands: int
    requests: int  # Transactions that the proxy saw; waiting commands share one.
    lost: int  # Requests that were carried out and whose reply was cut off,
    unheard: int  # and the commands in them.
    effects: int  # Events that are recorded in the end.
    refused: int  # Commands that were told of a conflict although it was their own work.
    misplaced: int  # Answers that name another event than the command's own.
    seconds: float


def appended(ledger, appends):
    """Ask until the ledger answers, always under the same command ids, as its contract says."""
    while True:
        try:
            return ledger.append(appends)
        except LedgerUnavailable:
            continue


def lose_replies(url: str, *, commands: int, lost: float, callers: int, seed: int = 7) -> Replied:
    """`commands` appends of one event each from `callers` threads; `lost` is the share of replies that are cut off."""
    chance, requests, unheard = random.Random(seed), [0], [0]
    streams = [new_id() for _ in range(commands // VERSIONS)]

    def loses(request: bytes) -> bool:
        commands = request.count(TOPIC)
        if not commands:
            return False
        requests[0] += 1
        doomed = chance.random() < lost
        unheard[0] += commands if doomed else 0
        return doomed

    with lossy_proxy(url, loses) as (lossy_url, proxy), opened_ledger(lossy_url) as ledger:

        def call(stream):
            return [appended(ledger, [follow(stream, version)])[0] for version in range(VERSIONS)]

        started = perf_counter()
        with ThreadPoolExecutor(callers) as pool:
            answers = dict(zip(streams, pool.map(call, streams), strict=True))
        seconds = perf_counter() - started
    by_position = _by_position(url)
    given = [(answer, (stream, version)) for stream, each in answers.items() for version, answer in enumerate(each, 1)]
    return Replied(
        commands=len(given),
        requests=requests[0],
        lost=proxy.lost,
        unheard=unheard[0],
        effects=len(by_position),
        refused=sum(not isinstance(answer, range) for answer, _ in given),
        misplaced=sum(by_position.get(answer.start) != own for answer, own in given if isinstance(answer, range)),
        seconds=seconds,
    )


def _by_position(url: str) -> dict[int, tuple[str, int]]:
    found, after = {}, 0
    with opened_ledger(url) as ledger:
        while read := ledger.read(after, READ_AT_ONCE):
            found.update((event.position, (event.stream, event.version)) for event in read)
            after = read[-1].position
    return found
