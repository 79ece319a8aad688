"""Appends while a sealer works beside them in a process of its own, and the same appends without it."""

import multiprocessing
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from benchmarks.append.single import CALLERS, WARM_UP, at_once
from benchmarks.append.tables import ISSUE, LEDGER_TABLE
from benchmarks.contest import Contest, Contestant, Goal, Timed
from benchmarks.jobs import new_stream, opened
from benchmarks.lab import Lab, count_rows
from dispatch.adapters.seal.exports import CheckpointFolder
from dispatch.adapters.seal.keys import SealKey
from dispatch.adapters.seal.sealer import Sealer
from dispatch.entrypoints.roles.sealer import SEAL_EVERY_S
from dispatch.entrypoints.scheduling import give_way

ALONE = "the same without a sealer"


def contest(lab: Lab, count: int) -> Contest:
    """Single events through group commit; the sealer follows as the role does, every second."""
    appends = [new_stream([job]) for job in opened(WARM_UP + count)]

    def append(*, sealed: bool) -> Timed:
        async def call(mine) -> None:
            for one in mine:
                [answer] = await ledger.append_async([one])
                assert isinstance(answer, range), answer

        with lab.ledger() as (ledger, url):
            if not sealed:
                watch = uvloop.run(at_once(call, appends))
                return _counted(url, count, watch.seconds, {})
            with _sealer(url, lab.folder) as sealed_so_far:
                watch = uvloop.run(at_once(call, appends))
                share = sealed_so_far() / len(appends)
            return _counted(url, count, watch.seconds, {"sealed in time": round(share, 2)})

    return Contest(
        name="appends with a sealer beside",
        unit="events/s",
        about=f"{CALLERS} callers append {count:,} single events; a sealer in a process of its own looks every second.",
        contestants=[
            Contestant("dispatch, sealed while it appends", "ours", lambda: append(sealed=True)),
            Contestant(ALONE, "limit", lambda: append(sealed=False), "nothing is evidence yet"),
        ],
        goals=[Goal(0.9, (ALONE,), ISSUE)],
    )


def _counted(url: str, count: int, seconds: float, seen: dict[str, float]) -> Timed:
    assert count_rows(url, LEDGER_TABLE) == WARM_UP + count
    return Timed(count, seconds, seen)


@contextmanager
def _sealer(url: str, folder: Path):
    """A running sealer, and how many events it has sealed so far."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_seal, args=(theirs, url, folder), daemon=True)
    process.start()
    theirs.close()

    def sealed() -> int:
        ours.send("how many?")
        return ours.recv()

    sealed()  # It runs.
    try:
        yield sealed
    finally:
        process.kill()
        process.join()


def _seal(asked: Connection, url: str, folder: Path) -> None:
    give_way(["sealer"])  # As every process that plays it.
    exports = CheckpointFolder(folder / url.rpartition("?")[0].rpartition("/")[2] / "checkpoints")
    sealer = Sealer(url, SealKey(exports.path.with_name("seal.key"), exports.path / "rotations.txt", "bench"), exports)
    done = 0
    while True:
        while sealed := sealer.step():
            done += sealed
        sealer.check_strays()
        if asked.poll(SEAL_EVERY_S):
            asked.recv()
            asked.send(done)
