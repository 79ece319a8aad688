"""The rules of pauses."""

from dispatch.domain.control.commands import Command, PauseWork, ResumeWork
from dispatch.domain.control.events import Event, PauseScope, WorkPaused, WorkResumed
from dispatch.domain.control.state import Pause, evolve
from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError

NAMED = frozenset({PauseScope.STAGE, PauseScope.PROVIDER, PauseScope.BATCH})
REASON_CHARACTERS_MAX = 500


class PauseTargetInvalid(DomainError):
    """A stage, a provider or a batch is paused by its name; intake and everything have none."""

    code = "pause_target_invalid"


class PauseEndsInThePast(DomainError):
    """A pause ends at a time that is still to come."""

    code = "pause_ends_in_the_past"


class PauseReasonTooLong(DomainError):
    """The reason of a pause has at most 500 characters."""

    code = "pause_reason_too_long"


def decide(command: Command, pause: Pause) -> list[Event]:
    """The events that this command makes of this pause; none when it was carried out before.

    Raises:
        PauseTargetInvalid, PauseEndsInThePast, PauseReasonTooLong: the command breaks a rule.
    """
    if bool(command.name) is not (command.scope in NAMED):
        raise PauseTargetInvalid(command.scope.value, command.name)
    match command:
        case PauseWork():
            return _pause(command, pause)
        case ResumeWork(pause_id=pause_id, at=at, scope=scope, name=name, by=by):
            if pause.paused is None or (command.only_elapsed and not pause.has_elapsed(at)):
                return []
            return [WorkResumed(pause_id=pause_id, at=at, scope=scope, name=name, by=by)]


def _pause(command: PauseWork, pause: Pause) -> list[Event]:
    if len(command.reason) > REASON_CHARACTERS_MAX:
        raise PauseReasonTooLong
    paused = pause.paused
    if paused is not None and (paused.reason, paused.until) == (command.reason, command.until):
        return []
    if command.until is not None and command.until <= command.at:
        raise PauseEndsInThePast(command.until.isoformat())
    return [
        WorkPaused(
            pause_id=command.pause_id,
            at=command.at,
            scope=command.scope,
            name=command.name,
            by=command.by,
            reason=command.reason,
            until=command.until,
        )
    ]


decider: Decider[Command, Event, Pause] = Decider(initial=Pause, decide=decide, evolve=evolve)
