"""The rules of sources."""

import re

from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.rows import Budget
from dispatch.domain.source.commands import (
    AddSource,
    Command,
    PauseSource,
    RecordFinding,
    RemoveSource,
    ResumeSource,
)
from dispatch.domain.source.events import (
    Event,
    SourceAdded,
    SourceChecked,
    SourceKind,
    SourcePaused,
    SourceRemoved,
    SourceResumed,
)
from dispatch.domain.source.state import Source, SourceStatus, evolve

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
EVERY_S = range(1, 7 * 86_400 + 1)
LOCATION_CHARACTERS_MAX = 2_000


class SourceUnknown(DomainError):
    """There is no such source."""

    code = "source_unknown"


class SourceExists(DomainError):
    """There is a source of this name, and it is another one."""

    code = "source_exists"


class SourceNameInvalid(DomainError):
    """A source's name is made of a-z, 0-9, - and _, at most 63 of them, and does not begin with - or _."""

    code = "source_name_invalid"


class SourceIntervalInvalid(DomainError):
    """A source is looked at every second at most, and every seven days at least."""

    code = "source_interval_invalid"


class SourceLocationInvalid(DomainError):
    """This is no place that a source of this kind can be."""

    code = "source_location_invalid"


def decide(command: Command, source: Source) -> list[Event]:
    """The events that this command makes of this source; none when it was carried out before.

    Raises:
        SourceUnknown, SourceExists, SourceNameInvalid, SourceIntervalInvalid, SourceLocationInvalid,
            ThresholdOutOfRange: the command breaks a rule.
    """
    if isinstance(command, AddSource):
        return _add(command, source)
    if source.added is None or (source.status is SourceStatus.REMOVED and not isinstance(command, RemoveSource)):
        raise SourceUnknown
    identity, at = command.source_id, command.at
    match command:
        case PauseSource(reason=reason, by=by):
            is_done = source.status is SourceStatus.PAUSED
            return [] if is_done else [SourcePaused(source_id=identity, at=at, reason=reason, by=by)]
        case ResumeSource(by=by):
            is_done = source.status is SourceStatus.ACTIVE
            return [] if is_done else [SourceResumed(source_id=identity, at=at, by=by)]
        case RemoveSource(reason=reason, by=by):
            is_done = source.status is SourceStatus.REMOVED
            return [] if is_done else [SourceRemoved(source_id=identity, at=at, reason=reason, by=by)]
        case RecordFinding():
            return _record(command, source)


def _add(command: AddSource, source: Source) -> list[Event]:
    if not NAME.fullmatch(command.name):
        raise SourceNameInvalid
    if command.every_s not in EVERY_S:
        raise SourceIntervalInvalid(command.every_s)
    if bool(command.location) is (command.kind is SourceKind.WEBHOOK):
        raise SourceLocationInvalid("a webhook has none, the others need one")
    if len(command.location) > LOCATION_CHARACTERS_MAX or not command.location.isprintable():
        raise SourceLocationInvalid("too long, or not printable")
    Budget(command.error_threshold_percent)
    added = SourceAdded(
        source_id=command.source_id,
        at=command.at,
        name=command.name,
        kind=command.kind,
        location=command.location,
        profile=command.profile,
        error_threshold_percent=command.error_threshold_percent,
        every_s=command.every_s,
        by=command.by,
    )
    if source.added is None or source.status is SourceStatus.REMOVED:
        return [added]
    if _settings(added) != _settings(source.added):
        raise SourceExists(command.name)
    return []


def _settings(added: SourceAdded) -> tuple[object, ...]:
    return added.kind, added.location, added.profile, added.error_threshold_percent, added.every_s


def _record(command: RecordFinding, source: Source) -> list[Event]:
    """The same thing again is nothing new, although it is no longer a new batch."""
    last = source.found
    found = command.file_name, command.file_hash, command.batch_id, command.refused
    if last is not None and found == (last.file_name, last.file_hash, last.batch_id, last.refused):
        return []
    return [
        SourceChecked(
            source_id=command.source_id,
            at=command.at,
            file_name=command.file_name,
            file_hash=command.file_hash,
            batch_id=command.batch_id,
            is_new=command.is_new,
            refused=command.refused,
        )
    ]


decider: Decider[Command, Event, Source] = Decider(initial=Source, decide=decide, evolve=evolve)
