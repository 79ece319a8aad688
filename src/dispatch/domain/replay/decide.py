"""The rules of a replay: what it is about is fixed when it is asked for, and each job of it is reported once."""

from typing import assert_never

from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.replay.commands import Command, RecordProgress, RequestReplay, StopReplay
from dispatch.domain.replay.events import (
    Event,
    ReplayAction,
    ReplayCompleted,
    ReplayItemsPicked,
    ReplayProgressed,
    ReplayRequested,
    ReplayStopped,
)
from dispatch.domain.replay.state import Replay, ReplayStatus, evolve

ITEMS_PER_EVENT = 500
ITEMS_MAX = 50_000
PER_SECOND_LEAST, PER_SECOND_MOST = 0.01, 10_000.0


class ReplayUnknown(DomainError):
    """There is no such replay."""

    code = "replay_unknown"


class ReplayEnded(DomainError):
    """The replay has ended: there is nothing left of it to stop."""

    code = "replay_ended"


class NothingToReplay(DomainError):
    """No dead letter is open to which this applies."""

    code = "nothing_to_replay"


class ReplayTooLarge(DomainError):
    """One replay takes 50,000 dead letters at most."""

    code = "replay_too_large"


class ReplayReasonMissing(DomainError):
    """Ending jobs, or sending them another way, needs a reason."""

    code = "replay_reason_missing"


class ReplayStageMissing(DomainError):
    """Rerouting needs the stage to go on at, and nothing else takes one."""

    code = "replay_stage_missing"


class ReplayRateInvalid(DomainError):
    """A replay does from 0.01 to 10,000 jobs a second."""

    code = "replay_rate_invalid"


def decide(command: Command, replay: Replay) -> list[Event]:
    """The events that this command makes of this replay; none when it was carried out before.

    Raises:
        ReplayUnknown, ReplayEnded, NothingToReplay, ReplayTooLarge, ReplayReasonMissing, ReplayStageMissing,
            ReplayRateInvalid: the command breaks a rule.
    """
    match command:
        case RequestReplay():
            return _request(command, replay)
        case RecordProgress():
            return _progress(command, replay)
        case StopReplay():
            return _stop(command, replay)
        case _:
            assert_never(command)


def check(command: RequestReplay) -> None:
    """The rules that do not need a replay: asked also for a dry run. Raises as `decide`."""
    if not PER_SECOND_LEAST <= command.per_second <= PER_SECOND_MOST:
        raise ReplayRateInvalid(command.per_second)
    if bool(command.stage) is not (command.action is ReplayAction.REROUTE):
        raise ReplayStageMissing(command.action)
    if command.action is not ReplayAction.RETRY and not command.reason.strip():
        raise ReplayReasonMissing(command.action)
    if not command.items:
        raise NothingToReplay
    if len(command.items) > ITEMS_MAX:
        raise ReplayTooLarge(len(command.items))


def _request(command: RequestReplay, replay: Replay) -> list[Event]:
    if replay.status is not None:
        return []
    check(command)
    requested = ReplayRequested(
        replay_id=command.replay_id,
        at=command.at,
        action=command.action,
        selection=command.selection,
        counted=len(command.items),
        by=command.by,
        reason=command.reason,
        per_second=command.per_second,
        stage=command.stage,
    )
    chunks = range(0, len(command.items), ITEMS_PER_EVENT)
    picked: list[Event] = [
        ReplayItemsPicked(
            replay_id=command.replay_id,
            at=command.at,
            first=first,
            items=command.items[first : first + ITEMS_PER_EVENT],
        )
        for first in chunks
    ]
    return [requested, *picked]


def _progress(command: RecordProgress, replay: Replay) -> list[Event]:
    if replay.status is None:
        raise ReplayUnknown(command.replay_id)
    if replay.status is not ReplayStatus.RUNNING or command.first != replay.done or not command.items:
        return []  # Somebody has reported these already, or it was stopped meanwhile.
    progressed = ReplayProgressed(replay_id=command.replay_id, at=command.at, first=command.first, items=command.items)
    after = evolve(replay, progressed)
    if after.done < len(after.items):
        return [progressed]
    return [progressed, ReplayCompleted(replay_id=command.replay_id, at=command.at, results=after.results)]


def _stop(command: StopReplay, replay: Replay) -> list[Event]:
    match replay.status:
        case None:
            raise ReplayUnknown(command.replay_id)
        case ReplayStatus.STOPPED:
            return []
        case ReplayStatus.COMPLETED:
            raise ReplayEnded(command.replay_id)
        case _:
            return [
                ReplayStopped(
                    replay_id=command.replay_id,
                    at=command.at,
                    by=command.by,
                    reason=command.reason,
                    results=replay.results,
                    left=len(replay.items) - replay.done,
                )
            ]


decider: Decider[Command, Event, Replay] = Decider(initial=Replay, decide=decide, evolve=evolve)
