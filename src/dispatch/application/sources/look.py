"""Look at a source: receive what is new there, and remember what the look came to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from dispatch.application.intake.profiles import profile_named
from dispatch.application.intake.receive import Received, ReceiveFile
from dispatch.application.intake.refused import FileRefused
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import EventLedger
from dispatch.application.ports.sources import (
    FoundFile,
    Look,
    LookFailed,
    LookOutcome,
    Places,
    SourceLooks,
    SourceRow,
)
from dispatch.application.sources.finding import actor, record_finding
from dispatch.domain.source.events import SourceKind
from dispatch.domain.source.state import SourceStatus

BACK_OFF_MAX_S = 3_600
"""A source that fails again and again is looked at this often at least, or at its own interval where that is longer."""


@dataclass(frozen=True)
class LookAtSource:
    """The use case behind the role and `dispatch source check`. Two looks at once do the same twice, harmlessly."""

    ledger: EventLedger
    receive: ReceiveFile
    places: Places
    looks: SourceLooks
    sources: Callable[[], list[SourceRow]]
    clock: Clock

    def due(self) -> list[SourceRow]:
        """The sources whose time has come. Raises ViewsUnavailable."""
        now = self.clock()
        return [
            row
            for row in self.sources()
            if row.status is SourceStatus.ACTIVE
            and row.kind is not SourceKind.WEBHOOK
            and (row.next_look_at is None or row.next_look_at <= now)
        ]

    def __call__(self, source: SourceRow) -> Look:
        """Look once. A crash at any point is harmless: the same content is the same batch at the next look.

        Raises:
            LedgerUnavailable: nothing is known to be recorded; the next look sees the same.
        """
        last = self.looks.last(source.source_id)
        mark, failures = (last.mark, last.failures) if last else ("", 0)
        try:
            outcome, detail, mark = self._look(source, mark)
            failures = 0
        except LookFailed as error:
            outcome, detail, failures = LookOutcome.FAILED, str(error), failures + 1
        now = self.clock()
        wait_s = source.every_s
        if failures:
            wait_s = max(wait_s, min(wait_s * 2 ** min(failures, 20), BACK_OFF_MAX_S))
        next_at = now + timedelta(seconds=wait_s)
        look = Look(at=now, next_at=next_at, outcome=outcome, detail=detail, failures=failures, mark=mark)
        self.looks.note(source.source_id, look)
        return look

    def _look(self, source: SourceRow, mark: str) -> tuple[LookOutcome, str, str]:
        if source.kind is SourceKind.FOLDER:
            return (*self._look_into_folder(source), "")
        reach = self.places.file if source.kind is SourceKind.FILE else self.places.fetch
        with reach(source.location, mark) as found:
            if found is None:
                return LookOutcome.NOTHING, "", mark
            try:
                received = self._receive(source, found)
            except FileRefused as refused:
                self._record(source, found.name, refused=refused.code)
                return LookOutcome.REFUSED, str(refused), found.mark
            is_new = not received.duplicate
            # What is found again is told too: it is not what was there at the last look.
            self._record(source, found.name, received)
            return LookOutcome.TAKEN if is_new else LookOutcome.NOTHING, "", found.mark

    def _look_into_folder(self, source: SourceRow) -> tuple[LookOutcome, str]:
        outcome, detail = LookOutcome.NOTHING, ""
        failed: LookFailed | None = None
        with self.places.folder(source.location) as files:
            for file in files:
                try:
                    try:
                        received = self._receive(source, file)
                    except FileRefused as refused:
                        self._record(source, file.name, refused=refused.code)
                        file.refuse(
                            f"What is wrong: {refused.what}\nWhere: {refused.where}\nHow to fix it: {refused.fix}\n"
                        )
                        outcome, detail = LookOutcome.REFUSED, f"{file.name}: {refused}"
                    else:
                        self._record(source, file.name, received)
                        file.take(self.clock().date().isoformat())
                        if outcome is LookOutcome.NOTHING and not received.duplicate:
                            outcome = LookOutcome.TAKEN
                except LookFailed as error:
                    failed = error  # One file that cannot be read holds up no other.
        if failed is not None:
            raise failed
        return outcome, detail

    def _receive(self, source: SourceRow, found: FoundFile) -> Received:
        threshold = source.error_threshold_percent
        profile, by = profile_named(source.profile), actor(source.name)
        try:
            return self.receive(found.chunks(), profile, found.name, error_threshold_percent=threshold, by=by)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            what = f"what was found cannot be kept, {reason}"
            raise LookFailed("disk", what, "look at the disk of the data folder") from error

    def _record(self, source: SourceRow, file_name: str, received: Received | None = None, refused: str = "") -> None:
        record_finding(self.ledger, self.clock(), source.name, file_name, received, refused)
