"""What people pause and resume, and what ends by itself."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.domain import identity
from dispatch.domain.control.commands import Command, PauseWork, ResumeWork
from dispatch.domain.control.decide import decider
from dispatch.domain.control.events import PauseScope
from dispatch.domain.errors import DomainError


class PauseTargetUnknown(DomainError):
    """There is no such stage, provider or batch."""

    code = "pause_target_unknown"


class PauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A pause as it is shown."""

    key: str
    scope: PauseScope
    name: str
    by: str
    reason: str
    since: datetime
    until: datetime | None
    resumed_at: datetime | None
    resumed_by: str


class PauseBook(Protocol):
    """The pauses that are known."""

    def pauses(self, *, ended: bool = False, limit: int = 1_000) -> list[PauseRow]:
        """The open ones, newest first; with `ended` also the last one of each target that runs again.

        Raises LedgerUnavailable.
        """
        ...

    def elapsed(self) -> list[PauseRow]:
        """Those whose time has come and that nobody has resumed. Raises LedgerUnavailable."""
        ...


@dataclass(frozen=True)
class ControlDesk:
    """Pauses and resumes a stage, a provider, a batch, the intake or everything."""

    ledger: EventLedger
    book: PauseBook
    stages: Collection[str]
    providers: Callable[[], Sequence[str]]
    clock: Clock

    def pause(self, scope: PauseScope, name: str, *, by: str, reason: str = "", until: datetime | None = None) -> bool:
        """Take nothing of it up; False when it was paused just so.

        Raises:
            PauseTargetUnknown, DomainError: as the rules of pauses.
            LedgerUnavailable: the same may be asked again.
        """
        self._check(scope, name)
        asked = {"pause_id": identity.pause_id(scope.value, name), "at": self.clock(), "scope": scope, "name": name}
        return self._handle(PauseWork(**asked, by=by, reason=reason.strip(), until=until))  # type: ignore[arg-type]

    def resume(self, scope: PauseScope, name: str, *, by: str, only_elapsed: bool = False) -> bool:
        """Go on; False when it was not paused. Raises PauseTargetInvalid, LedgerUnavailable."""
        asked = {"pause_id": identity.pause_id(scope.value, name), "at": self.clock(), "scope": scope, "name": name}
        return self._handle(ResumeWork(**asked, by=by, only_elapsed=only_elapsed))  # type: ignore[arg-type]

    def end_elapsed(self) -> list[PauseRow]:
        """Record the end of pauses whose time has come; their gates are open already. Raises LedgerUnavailable."""
        elapsed = self.book.elapsed()
        return [row for row in elapsed if self.resume(row.scope, row.name, by="timers", only_elapsed=True)]

    def _check(self, scope: PauseScope, name: str) -> None:
        match scope:
            case PauseScope.STAGE if name and name not in self.stages:
                raise PauseTargetUnknown(f"stage {name}", f"known are {', '.join(self.stages)}")
            case PauseScope.PROVIDER if name and name not in self.providers():
                raise PauseTargetUnknown(f"provider {name}", f"known are {', '.join(self.providers())}")
            case PauseScope.BATCH if name and not self.ledger.load(name).events:
                raise PauseTargetUnknown(f"batch {name}")
            case _:
                return

    def _handle(self, command: Command) -> bool:
        asked = identity.command_id(command.pause_id, type(command).__name__, command.at)
        cause = Cause(command_id=asked, correlation_id=command.pause_id, actor=command.by)
        return bool(handle(self.ledger, decider, command.pause_id, command, cause))
