"""Judge a batch and admit its good rows: all rows are judged before anything is recorded, jobs follow in bulk."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TypeVar, cast

from dispatch.application.handle import handle
from dispatch.application.intake.frames import Frame, chunks_of
from dispatch.application.intake.judge import Progress, good_frames, judge
from dispatch.application.intake.overlay import overlay_of
from dispatch.application.intake.preparing import Claimed, ReadyChunk, prepare_each, prepared_together
from dispatch.application.intake.profiles import Profile, profile_named
from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.spool import Spool
from dispatch.application.ports.assistant import Assistant
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import Append, Cause, EventLedger, VersionConflict
from dispatch.application.ports.natural_keys import NaturalKeys
from dispatch.domain import identity
from dispatch.domain.batch.commands import AdmitChunk, Command, FinishAdmission, RecordJudgement, RejectBatch
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.desk import DeskRules
from dispatch.domain.batch.events import Event
from dispatch.domain.batch.state import Batch, BatchStatus
from dispatch.domain.rows import Budget

ROWS_PER_CHUNK = 3_000
"""One chunk is one transaction: others wait for it some 15 to 30 ms, and a crash costs at most one."""

ASSISTED_FROM_BYTES = 8 << 20
"""The second process takes a second to start, once: for smaller files nobody waits for it."""

ACTOR = "intake"
NOBODY_IS_ASKED = DeskRules()
C = TypeVar("C")


class _End(Enum):
    """How one pass over the rows has ended."""

    ALL_ROWS = auto()
    OVERTAKEN = auto()  # Another worker is at it too: there is more behind his rows.
    STOPPED = auto()


@dataclass(frozen=True)
class AdmitBatch:
    """The use case behind the intake queue. Interrupted anywhere it resumes behind its last recorded chunk."""

    ledger: EventLedger
    files: FileStore
    natural_keys: NaturalKeys
    clock: Clock
    rows_per_chunk: int = ROWS_PER_CHUNK
    desk: DeskRules = NOBODY_IS_ASKED
    assistant: Assistant | None = None
    assisted_from_bytes: int = ASSISTED_FROM_BYTES

    def __call__(
        self, batch_id: str, on_progress: Progress | None = None, *, until: Callable[[], bool] = lambda: False
    ) -> BatchStatus | None:
        """Take the batch as far as it can go; answers where it stands, None for a batch that does not exist.

        `until` is asked behind each recorded chunk and ends the admission there; the next call goes on.

        Raises:
            LedgerUnavailable, VersionConflict: nothing is lost; run it again.
            FileNotFoundError: the received file is gone from the store.
        """
        batch = self._load(batch_id)[0]
        with closing(Spool(self.files.scratch())) as spool:
            judged_here = batch.status is BatchStatus.UPLOADED
            if judged_here:
                self._judge(batch_id, batch, on_progress, spool)
                batch = self._load(batch_id)[0]
            if batch.status is BatchStatus.ADMITTING:
                self._admit(batch_id, spool.frames if judged_here else partial(self._read_again, batch), until)
                batch = self._load(batch_id)[0]
        return batch.status

    def close(self) -> None:
        """End the second process, if there is one."""
        if self.assistant:
            self.assistant.close()

    def _judge(self, batch_id: str, batch: Batch, on_progress: Progress | None, spool: Spool) -> None:
        """Phase one. Nothing of the rows is recorded until all of them were judged."""
        started = perf_counter()
        command: Command
        path = self.files.path(batch.file_hash)
        try:
            found = judge(
                path,
                self._profile(batch),
                overlay=overlay_of(self.files, batch),
                on_progress=on_progress,
                on_good=spool.write,
                budget=Budget(batch.error_threshold_percent),
                assistant=self._assistant_for(path),
            )
        except FileRefused as refused:
            command = RejectBatch(batch_id=batch_id, at=self.clock(), code=refused.code, reason=str(refused))
        else:
            command = RecordJudgement(
                batch_id=batch_id,
                at=self.clock(),
                rows=found.rows,
                accepted=found.accepted,
                rejected=found.rejected,
                duplicates=found.duplicates,
                errors=found.errors,
                errors_by_code=found.errors_by_code,
                parse_duration_ms=_ms_since(started),
                stopped_at_row=found.stopped_at_row,
                rows_at_most=found.rows_at_most,
                value_pence=found.value_pence,
                desk=self.desk,
                drift=found.drift,
            )
        step = ("judge", batch.resets, len(batch.corrections))
        handle(self.ledger, decider, batch_id, command, self._cause(batch_id, *step))

    def _admit(self, batch_id: str, rows_behind: Callable[[int], Iterator[Frame]], until: Callable[[], bool]) -> None:
        """Phase two, anew from where another worker has overtaken this one."""
        started = perf_counter()
        while (end := self._admit_behind(batch_id, rows_behind, until)) is _End.OVERTAKEN:
            pass
        if end is _End.ALL_ROWS:
            batch, _ = self._load(batch_id)
            finish = FinishAdmission(batch_id=batch_id, at=self.clock(), db_duration_ms=_ms_since(started))
            handle(self.ledger, decider, batch_id, finish, self._cause(batch_id, "finish", batch.resets))

    def _admit_behind(
        self, batch_id: str, rows_behind: Callable[[int], Iterator[Frame]], until: Callable[[], bool]
    ) -> "_End":
        """Chunk by chunk, each with its marker in one transaction.

        While one is recorded, the next is prepared, and the keys of the one after it are claimed.
        """
        batch, version = self._load(batch_id)
        if batch.status is not BatchStatus.ADMITTING:
            return _End.STOPPED  # A person takes the import back.
        chunks = chunks_of(rows_behind(batch.row_through), self.rows_per_chunk)
        claims = (self._claim(batch_id, batch, chunk) for chunk in chunks)
        with self._prepared(claims, self._assistant_for(self.files.path(batch.file_hash))) as ready:
            for chunk in ready:
                try:
                    events = self._admit_chunk(batch_id, batch, version, chunk)
                except VersionConflict:
                    found, version_found = self._load(batch_id)
                    if version_found == version:
                        raise  # Not the batch: one of its jobs exists, which no repetition mends.
                    return _End.OVERTAKEN if found.resets == batch.resets else _End.STOPPED
                batch, version = decider.fold(events, batch), version + len(events)
                if until():
                    return _End.STOPPED
        return _End.ALL_ROWS

    @contextmanager
    def _prepared(self, claims: Iterator[Claimed], assistant: Assistant | None) -> Iterator[Iterator[ReadyChunk]]:
        if assistant:
            with prepared_together(assistant, self.ledger, claims) as chunks, _ahead("take-chunk", chunks) as ready:
                yield ready
        else:
            with (
                _ahead("claim-chunk", claims) as claimed,
                _ahead("prepare-chunk", prepare_each(self.ledger, claimed)) as ready,
            ):
                yield ready

    def _assistant_for(self, path: Path) -> Assistant | None:
        return self.assistant if path.stat().st_size >= self.assisted_from_bytes else None

    def _claim(self, batch_id: str, batch: Batch, chunk: list[Frame]) -> Claimed:
        keys = [pair for frame in chunk for pair in zip(frame.rows, frame.keys, strict=True)]
        taken = self.natural_keys.claim(batch.profile, batch_id, keys, resets=batch.resets)
        cause = self._cause(batch_id, "chunk", batch.resets, keys[-1][0])
        return Claimed(batch_id, batch, self._profile(batch), self.clock(), cause, chunk, sorted(taken))

    def _admit_chunk(self, batch_id: str, batch: Batch, version: int, chunk: ReadyChunk) -> list[Event]:
        marker = AdmitChunk(
            batch_id=batch_id,
            at=self.clock(),
            chunk=batch.chunks + 1,
            row_through=chunk.row_through,
            jobs=chunk.jobs.events,
            duplicates=chunk.taken,
        )
        events = decider.decide(marker, batch)
        self.ledger.append_bulk(Append(batch_id, version, events, chunk.cause), chunk.jobs)
        return events

    def _read_again(self, batch: Batch, after_row: int) -> Iterator[Frame]:
        """The good rows of a batch that another process judged, or this one before a crash."""
        profile = self._profile(batch)
        overlay = overlay_of(self.files, batch)
        return good_frames(self.files.path(batch.file_hash), profile, overlay=overlay, after_row=after_row)

    @staticmethod
    def _profile(batch: Batch) -> Profile:
        return profile_named(batch.profile, batch.profile_version)

    def _load(self, batch_id: str) -> tuple[Batch, int]:
        history = self.ledger.load(batch_id)
        return decider.fold(cast("list[Event]", history.events)), history.version

    def _cause(self, batch_id: str, *step: object) -> Cause:
        return Cause(command_id=identity.command_id(batch_id, *step), correlation_id=batch_id, actor=ACTOR)


@contextmanager
def _ahead(name: str, chunks: Iterator[C]) -> Iterator[Iterator[C]]:
    """The same chunks, each made by a thread of this name while the one before is in use."""
    with ThreadPoolExecutor(1, name) as thread:
        coming = thread.submit(next, chunks, None)

        def taken() -> Iterator[C]:
            nonlocal coming
            while (chunk := coming.result()) is not None:
                coming = thread.submit(next, chunks, None)
                yield chunk

        yield taken()


def _ms_since(started: float) -> int:
    return round((perf_counter() - started) * 1000)
