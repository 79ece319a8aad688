"""Judge a batch and admit its good rows: all rows are judged before anything is recorded, jobs follow in bulk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import cast

from dispatch.application.handle import handle
from dispatch.application.intake.judge import Progress, good_rows, judge
from dispatch.application.intake.profiles import Profile, profile_named
from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.row import GoodRow
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
from dispatch.domain.job.commands import OpenJob
from dispatch.domain.job.decide import decider as job_decider
from dispatch.domain.job.state import Job

ROWS_PER_CHUNK = 10_000
"""One chunk is one transaction: others wait for it some 50 to 100 ms, and a crash costs at most one."""

ACTOR = "intake"
NOBODY_IS_ASKED = DeskRules()
_NEW_JOB = Job()


@dataclass(frozen=True)
class AdmitBatch:
    """The use case behind the intake queue. Interrupted anywhere it resumes behind its last recorded chunk."""

    ledger: EventLedger
    files: FileStore
    natural_keys: NaturalKeys
    clock: Clock
    rows_per_chunk: int = ROWS_PER_CHUNK
    desk: DeskRules = NOBODY_IS_ASKED

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
        if batch.status is BatchStatus.UPLOADED:
            self._judge(batch_id, batch, on_progress)
            batch = self._load(batch_id)[0]
        if batch.status is BatchStatus.ADMITTING:
            self._admit(batch_id, until)
            batch = self._load(batch_id)[0]
        return batch.status

    def _judge(self, batch_id: str, batch: Batch, on_progress: Progress | None) -> None:
        """Phase one. Nothing of the rows is recorded until all of them were judged."""
        started = perf_counter()
        command: Command
        try:
            found = judge(self.files.path(batch.file_hash), profile_named(batch.profile), on_progress=on_progress)
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
                value_pence=found.value_pence,
                desk=self.desk,
            )
        step = ("judge", batch.resets, len(batch.corrections))
        handle(self.ledger, decider, batch_id, command, self._cause(batch_id, *step))

    def _admit(self, batch_id: str, until: Callable[[], bool]) -> None:
        """Phase two: chunk by chunk, each with its marker in one transaction."""
        started = perf_counter()
        batch, version = self._load(batch_id)
        profile = profile_named(batch.profile)
        rows = good_rows(self.files.path(batch.file_hash), profile, after_row=batch.row_through)
        for chunk in _chunks(rows, self.rows_per_chunk):
            while left := [row for row in chunk if row.row > batch.row_through]:
                try:
                    events = self._admit_chunk(batch_id, batch, version, profile, left)
                except VersionConflict:
                    found, version_found = self._load(batch_id)
                    if version_found == version:
                        raise  # Not the batch: one of its jobs exists, which no repetition mends.
                    batch, version = found, version_found  # Another worker is at it too: go on behind its rows.
                    if batch.status is not BatchStatus.ADMITTING:
                        return  # A person takes the import back.
                else:
                    batch, version = decider.fold(events, batch), version + len(events)
            if until():
                return
        finish = FinishAdmission(batch_id=batch_id, at=self.clock(), db_duration_ms=_ms_since(started))
        handle(self.ledger, decider, batch_id, finish, self._cause(batch_id, "finish", batch.resets))

    def _admit_chunk(
        self, batch_id: str, batch: Batch, version: int, profile: Profile, chunk: list[GoodRow]
    ) -> list[Event]:
        taken = self.natural_keys.claim(profile.name, batch_id, [(row.row, row.natural_key) for row in chunk])
        new = [row for row in chunk if row.row not in taken]
        at = self.clock()
        marker = AdmitChunk(
            batch_id=batch_id,
            at=at,
            chunk=batch.chunks + 1,
            row_through=chunk[-1].row,
            jobs=len(new),
            duplicates=len(taken),
        )
        events = decider.decide(marker, batch)
        cause = self._cause(batch_id, "chunk", batch.resets, marker.row_through)
        self.ledger.append_bulk(
            Append(batch_id, version, events, cause), self._open(batch_id, batch, profile, new, cause)
        )
        return events

    def _open(
        self, batch_id: str, batch: Batch, profile: Profile, rows: list[GoodRow], cause: Cause
    ) -> Iterator[Append]:
        received_at = batch.received_at
        if received_at is None:
            raise ValueError(f"batch {batch_id} was never received")
        job_id, at = identity.job_ids(batch_id, received_at), self.clock()
        for row in rows:
            command = OpenJob(
                job_id=job_id(row.row),
                at=at,
                batch_id=batch_id,
                row=row.row,
                reference=row.reference,
                service=row.service,
                price_pence=row.price_pence,
                route=profile.route,
                person=row.person,
                permission=row.permission,
                details=row.details,
            )
            yield Append(command.job_id, 0, job_decider.decide(command, _NEW_JOB), cause)

    def _load(self, batch_id: str) -> tuple[Batch, int]:
        history = self.ledger.load(batch_id)
        return decider.fold(cast("list[Event]", history.events)), history.version

    def _cause(self, batch_id: str, *step: object) -> Cause:
        return Cause(command_id=identity.command_id(batch_id, *step), correlation_id=batch_id, actor=ACTOR)


def _chunks(rows: Iterator[GoodRow], size: int) -> Iterator[list[GoodRow]]:
    while chunk := list(islice(rows, size)):
        yield chunk


def _ms_since(started: float) -> int:
    return round((perf_counter() - started) * 1000)
