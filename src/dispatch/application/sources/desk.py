"""What people decide about sources."""

from dataclasses import dataclass

import msgspec

from dispatch.application.handle import handle
from dispatch.application.intake.profiles import profile_named
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.sources import LookFailed, Places
from dispatch.domain import identity
from dispatch.domain.source.commands import AddSource, Command, PauseSource, RemoveSource, ResumeSource
from dispatch.domain.source.decide import SourceLocationInvalid, decider
from dispatch.domain.source.events import SourceKind
from dispatch.domain.source.state import Source, SourceStatus

EVERY_S = {SourceKind.FOLDER: 5, SourceKind.FILE: 60, SourceKind.HTTP: 900, SourceKind.WEBHOOK: 60}
"""How often a source is looked at that says nothing else."""


class NewSource(msgspec.Struct, frozen=True, kw_only=True):
    """What a source is to be. Without `every_s` it is looked at as often as its kind suggests."""

    name: str
    kind: SourceKind
    location: str = ""
    profile: str = "service-job"
    error_threshold_percent: int = 10
    every_s: int | None = None


@dataclass(frozen=True)
class SourceDesk:
    """Adds, pauses, resumes and removes sources."""

    ledger: EventLedger
    places: Places
    clock: Clock

    def add(self, new: NewSource, by: str) -> bool:
        """Take rows from there; False when it was added before, just so.

        Raises:
            ProfileUnknown, DomainError: as the rules of sources.
            LedgerUnavailable: the same may be asked again.
        """
        command = AddSource(
            source_id=identity.source_id(new.name),
            at=self.clock(),
            name=new.name,
            kind=new.kind,
            location=new.location,
            profile=profile_named(new.profile).name,
            error_threshold_percent=new.error_threshold_percent,
            every_s=EVERY_S[new.kind] if new.every_s is None else new.every_s,
            by=by,
        )
        decider.decide(command, decider.initial())  # The rules first: no place is asked for what can never be.
        try:
            self.places.check(new.kind, new.location)
        except LookFailed as error:
            raise SourceLocationInvalid(str(error).rstrip(".")) from error
        return self._handle(command, by)

    def pause(self, name: str, by: str, reason: str = "") -> bool:
        """Take nothing from it for now; False when it was paused. Raises SourceUnknown."""
        return self._handle(PauseSource(source_id=identity.source_id(name), at=self.clock(), reason=reason, by=by), by)

    def resume(self, name: str, by: str) -> bool:
        """Go on; False when it was not paused. Raises SourceUnknown."""
        return self._handle(ResumeSource(source_id=identity.source_id(name), at=self.clock(), by=by), by)

    def remove(self, name: str, by: str, reason: str = "") -> bool:
        """Take nothing from it any more; False when it was removed. Raises SourceUnknown."""
        return self._handle(RemoveSource(source_id=identity.source_id(name), at=self.clock(), reason=reason, by=by), by)

    def find(self, name: str) -> Source | None:
        """The source of this name as the ledger has it now; None where there is none, or none any more."""
        events = self.ledger.load(identity.source_id(name)).events
        source = decider.fold(events)  # type: ignore[arg-type]  # Of a source's stream.
        return None if source.status is SourceStatus.REMOVED else source

    def _handle(self, command: Command, by: str) -> bool:
        source_id = command.source_id
        asked = identity.command_id(source_id, type(command).__name__, command.at)
        cause = Cause(command_id=asked, correlation_id=source_id, actor=by)
        return bool(handle(self.ledger, decider, source_id, command, cause))
