"""Sealing a ledger from its first event on, and verifying all of it: beside reading the rows and hashing them alone."""

from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.append.tables import ISSUE, vacuum
from benchmarks.contest import Contest, Contestant, Goal, Stopwatch, Timed
from benchmarks.jobs import chunks, marker, new_stream, opened
from benchmarks.lab import Lab, open_ledger
from dispatch.adapters.seal.evidence import PostgresEvidence
from dispatch.adapters.seal.exports import ROTATIONS, CheckpointFolder
from dispatch.adapters.seal.keys import SealKey
from dispatch.adapters.seal.leaves import LEAF, read_rows
from dispatch.adapters.seal.sealer import Sealer

CHUNK = 10_000
LIMIT = "read and SHA-256 alone"


def sealing(lab: Lab, events: int) -> Contest:
    """From a ledger without a checkpoint to one that is sealed to its end."""

    def ours() -> Timed:
        with _ledger(lab, events) as (url, key, exports), closing(Sealer(url, key, exports)) as sealer:
            with Stopwatch() as watch:
                done = _seal(sealer)
            assert done == _all(events)
        return Timed(done, watch.seconds)

    return Contest(
        name="sealing",
        unit="events/s",
        about=f"A ledger of {events:,} new jobs, each one event, is sealed from the first one on.",
        contestants=[
            Contestant(
                "dispatch, the sealer", "ours", ours, "tiles and signed checkpoints, one at 4,096 events, are durable"
            ),
            Contestant(LIMIT, "limit", lambda: _read_and_hash(lab, events), "COPY in binary, one leaf hash a row"),
        ],
        goals=[Goal(0.7, (LIMIT,), ISSUE, enough=300_000)],
    )


def verifying(lab: Lab, events: int) -> Contest:
    """Every event of a sealed ledger is hashed, and compared with its tile and every checkpoint."""

    def ours() -> Timed:
        with _ledger(lab, events) as (url, key, exports):
            with closing(Sealer(url, key, exports)) as sealer:
                _seal(sealer)
                sealer.export()
            vacuum(url)
            evidence = PostgresEvidence(url, key, exports)
            with Stopwatch() as watch:
                verdict = evidence.verify(since=None, key=None, on_progress=lambda done, total: None)
            assert verdict.is_good
            assert verdict.events == _all(events)
        return Timed(verdict.events, watch.seconds)

    return Contest(
        name="verifying",
        unit="events/s",
        about=f"A sealed ledger of {events:,} events is verified as `dispatch ledger verify` does.",
        contestants=[
            Contestant("dispatch, verify", "ours", ours, "each event, tile, level and checkpoint is compared"),
            Contestant(LIMIT, "limit", lambda: _read_and_hash(lab, events), "COPY in binary, one leaf hash a row"),
        ],
        goals=[Goal(0.7, (LIMIT,), ISSUE, enough=300_000)],
    )


def _read_and_hash(lab: Lab, events: int) -> Timed:
    with _ledger(lab, events) as (url, _, _), psycopg.connect(url, autocommit=True) as connection:
        with Stopwatch() as watch:
            done = sum(len(sha256(LEAF + row).digest()) == 32 for row in read_rows(connection, 0))
        assert done == _all(events)
    return Timed(done, watch.seconds)


def _seal(sealer: Sealer) -> int:
    done = 0
    while sealed := sealer.step():
        done += sealed
    return done


def _all(events: int) -> int:
    """The jobs, and the marker of each chunk."""
    return events + -(-events // CHUNK)


@contextmanager
def _ledger(lab: Lab, events: int):
    """A copy of the filled ledger, with a key and a folder for checkpoints; the rows are in memory, as for everyone."""

    def fill(url: str) -> None:
        with closing(open_ledger(url)) as ledger:
            for number, chunk in enumerate(chunks(opened(events), CHUNK), 1):
                ledger.append_bulk(marker(number, chunk[-1].row, len(chunk)), (new_stream([job]) for job in chunk))
        vacuum(url)

    with lab.ledger(f"ledger with {events} new jobs", fill) as (_, url), TemporaryDirectory(dir=lab.folder) as folder:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT count(*), sum(length(state)) FROM ledger.stored_events")
        exports = CheckpointFolder(Path(folder, "checkpoints"))
        yield url, SealKey(Path(folder, "seal.key"), exports.path / ROTATIONS, "benchmark"), exports
