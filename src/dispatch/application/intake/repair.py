"""Repair a batch that is admitted: corrected rows that were refused become jobs under their own row numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import cast

from dispatch.application.batches import load_batch
from dispatch.application.handle import handle
from dispatch.application.intake.corrections import Correction, read_correction
from dispatch.application.intake.formats import layout_of
from dispatch.application.intake.judge_correction import JudgedCorrection
from dispatch.application.intake.opening import open_jobs
from dispatch.application.intake.overlay import read_overlay
from dispatch.application.intake.profiles import Profile, profile_named
from dispatch.application.intake.row import GoodRow
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import Append, Cause, EventLedger, VersionConflict
from dispatch.application.ports.natural_keys import NaturalKeys
from dispatch.domain import identity
from dispatch.domain.batch.commands import FinishCorrection, RepairRows
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import Event, RowsRepaired
from dispatch.domain.batch.state import ADMITTED, Batch

ROWS_PER_CHUNK = 5_000
"""One chunk is one transaction, and its row numbers are one event."""

ACTOR = "intake"


@dataclass(frozen=True)
class RepairBatch:
    """Judges the corrections that wait, one after the other. Interrupted anywhere, it goes on behind its last chunk."""

    ledger: EventLedger
    files: FileStore
    natural_keys: NaturalKeys
    clock: Clock
    rows_per_chunk: int = ROWS_PER_CHUNK

    def __call__(self, batch_id: str) -> None:
        """Judge what waits.

        Raises:
            LedgerUnavailable, VersionConflict: nothing is lost; run it again.
            FileNotFoundError: a received file is gone from the store.
        """
        while waits(batch := load_batch(self.ledger, batch_id)[0]):
            self._repair(batch_id, batch.corrections_judged + 1)

    def _repair(self, batch_id: str, number: int) -> None:
        batch, version = load_batch(self.ledger, batch_id)
        if not waits(batch) or batch.corrections_judged >= number:
            return  # Somebody was faster.
        profile, path = profile_named(batch.profile), self.files.path(batch.file_hash)
        layout = layout_of(path, profile)
        correction = read_correction(self.files.path(batch.corrections[number - 1]), profile, layout)
        earlier = read_overlay(self.files, batch.corrections[: number - 1], profile, layout)
        judged = JudgedCorrection(path, profile, layout, earlier, correction)
        for chunk in _chunks(judged.mended(), self.rows_per_chunk):
            while left := [row for row in chunk if row.row not in batch.repaired]:
                try:
                    events = self._record(batch_id, batch, version, profile, left, number)
                except VersionConflict:
                    found, version_found = load_batch(self.ledger, batch_id)
                    if version_found == version:
                        raise  # Not the batch: one of its jobs exists, which no repetition mends.
                    batch, version = found, version_found  # Another worker is at it too, or a person wrote.
                    if not waits(batch) or batch.corrections_judged >= number:
                        return
                else:
                    batch, version = decider.fold(events, batch), version + len(events)
        self._finish(batch_id, number, correction, judged)

    def _record(
        self, batch_id: str, batch: Batch, version: int, profile: Profile, rows: list[GoodRow], number: int
    ) -> list[Event]:
        """The marker and its jobs in one transaction."""
        keys = [(row.row, row.natural_key) for row in rows]
        taken = self.natural_keys.claim(profile.name, batch_id, keys, resets=batch.resets)
        new = [row for row in rows if row.row not in taken]
        marker = RepairRows(
            batch_id=batch_id,
            at=self.clock(),
            correction=number,
            rows=tuple(row.row for row in new),
            duplicates=tuple(sorted(taken)),
        )
        events = decider.decide(marker, batch)
        cause = _cause(batch_id, "repair", batch.resets, number, rows[0].row, rows[-1].row)
        jobs = open_jobs(batch_id, batch, profile, new, self.clock(), cause)
        self.ledger.append_bulk(Append(batch_id, version, events, cause), jobs)
        return events

    def _finish(self, batch_id: str, number: int, correction: Correction, judged: JudgedCorrection) -> None:
        """The counts of an earlier, interrupted run are in its markers."""
        recorded = cast("list[Event]", self.ledger.load(batch_id).events)
        repaired = [event for event in recorded if isinstance(event, RowsRepaired) and event.correction == number]
        accepted = sum(len(event.rows) for event in repaired)
        duplicates = sum(len(event.duplicates) for event in repaired)
        finish = FinishCorrection(
            batch_id=batch_id,
            at=self.clock(),
            correction=number,
            rows=len(correction),
            accepted=accepted,
            rejected=judged.rejected,
            duplicates=duplicates,
            ignored=len(correction) - accepted - judged.rejected - duplicates,
            errors=judged.errors,
            errors_by_code=judged.errors_by_code,
        )
        handle(self.ledger, decider, batch_id, finish, _cause(batch_id, "corrected", number))


def waits(batch: Batch) -> bool:
    """Does a correction wait to be judged by itself, because the batch is admitted?"""
    return batch.status in ADMITTED and batch.corrections_judged < len(batch.corrections)


def _cause(batch_id: str, *step: object) -> Cause:
    return Cause(command_id=identity.command_id(batch_id, *step), correlation_id=batch_id, actor=ACTOR)


def _chunks(rows: Iterator[GoodRow], size: int) -> Iterator[list[GoodRow]]:
    while chunk := list(islice(rows, size)):
        yield chunk
