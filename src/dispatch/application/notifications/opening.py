"""Take notifications in: each becomes a job of its own, and the same idempotency key is the same notification."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
from msgspec.structs import replace

from dispatch.application.notifications.requests import NotificationRequest
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Append, Cause, EventLedger, VersionConflict
from dispatch.application.ports.privacy import PersonUnreadable, PersonVault
from dispatch.application.routes import notification
from dispatch.domain.errors import DomainError
from dispatch.domain.identity import CHANCE_BYTES, command_id, new_notification_id, notification_id
from dispatch.domain.job.commands import OpenJob
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobOpened
from dispatch.domain.job.state import Job
from dispatch.domain.person import Person

SERVICE = "notification"
KIND = "kind"
"""The detail of a notification's job that says what the message is for."""

_NEW_JOB = Job()


class IdempotencyKeyReused(DomainError):
    """Another notification was asked for under this idempotency key."""

    code = "idempotency_key_reused"


class Taken(msgspec.Struct, frozen=True):
    """A notification that is in the ledger, now or since before."""

    opened: JobOpened
    is_new: bool

    @property
    def notification_id(self) -> str:
        return self.opened.job_id


Answer = Taken | DomainError
"""What came of one request: a refusal is an answer of its own, and costs the others nothing."""


@dataclass(frozen=True)
class OpenNotifications:
    """The use case. Any number of requests, of any number of callers, are one load and one append."""

    ledger: EventLedger
    persons: PersonVault
    clock: Clock
    chance: Callable[[int], bytes]  # So many bytes of it.

    def __call__(self, requests: Sequence[NotificationRequest], by: str) -> list[Answer]:
        """Open a job for each; the answers are in the order of the requests.

        Raises LedgerUnavailable, KeyMissing: nothing is known to be recorded. With keys, asking again is safe.
        """
        commands = [self._command(request) for request in requests]
        keyed = {command.job_id for command, asked in zip(commands, requests, strict=True) if asked.idempotency_key}
        found = self._find(keyed) if keyed else {}
        answers: dict[int, Answer] = {}
        new: dict[str, tuple[int, JobOpened]] = {}
        again: list[int] = []
        for place, command in enumerate(commands):
            if command.job_id in found or command.job_id in new:
                again.append(place)
                continue
            try:
                new[command.job_id] = place, _opened(command)
            except DomainError as refusal:
                answers[place] = refusal
        overtaken = self._append([opened for _, opened in new.values()], by)
        answers |= {place: Taken(opened, is_new=True) for place, opened in new.values()}
        again += [new[job_id][0] for job_id in overtaken]
        if again:
            missing = {commands[place].job_id for place in again} - found.keys()
            found = found | (self._find(missing) if missing else {})
            answers |= {place: _compared(commands[place], found) for place in again}
        return [answers[place] for place in range(len(commands))]

    def _command(self, request: NotificationRequest) -> OpenJob:
        at = self.clock()
        key = request.idempotency_key
        return OpenJob(
            job_id=notification_id(key) if key else new_notification_id(at, self.chance(CHANCE_BYTES)),
            at=at,
            batch_id="",
            row=0,
            reference=request.reference,
            service=SERVICE,
            price_pence=0,
            route=notification.ROUTE,
            person=request.person,
            permission=request.permission,
            details={KIND: request.purpose.value},
            channel=request.channel.value,
            priority=request.priority,
            scheduled_at=request.scheduled_at,
        )

    def _append(self, new: Sequence[JobOpened], by: str) -> list[str]:
        """Record them; answers those that somebody else has opened meanwhile."""
        if not new:
            return []
        # Drawn, not made of the keys: another request under the same key must not take this append for its own.
        cause = Cause(command_id=command_id("notify", self.chance(CHANCE_BYTES).hex()), actor=by)
        answers = self.ledger.append([Append(opened.job_id, 0, (opened,), cause) for opened in new])
        return [one.job_id for one, answer in zip(new, answers, strict=True) if isinstance(answer, VersionConflict)]

    def _find(self, job_ids: set[str]) -> dict[str, JobOpened]:
        """How those of them that exist were opened, in plain text as long as their person was not erased."""
        histories = self.ledger.load_many(sorted(job_ids))
        opened = {
            job_id: cast("JobOpened", history.events[0]) for job_id, history in histories.items() if history.events
        }
        persons = self._read({job_id: event.person for job_id, event in opened.items()})
        return {job_id: replace(event, person=persons[job_id] or Person()) for job_id, event in opened.items()}

    def _read(self, persons: Mapping[str, Person]) -> dict[str, Person | None]:
        """None for one who cannot be read any more: that is no fault of the others, nor of who asks again."""
        try:
            return self.persons.read(persons)
        except PersonUnreadable:
            if len(persons) == 1:
                return dict.fromkeys(persons)
            return {job_id: self._read({job_id: person})[job_id] for job_id, person in persons.items()}


def _compared(command: OpenJob, found: Mapping[str, JobOpened]) -> Answer:
    """The notification that the key stands for, where it is the one that is asked for again."""
    opened = found[command.job_id]
    person = command.person if opened.person == Person() else opened.person  # Gone: nobody knows any more.
    # Its time may have gone by since: whether it was allowed then is not asked again.
    asked = _opened(replace(command, at=opened.at, scheduled_at=None))
    if replace(asked, scheduled_at=command.scheduled_at) != replace(opened, person=person):
        return IdempotencyKeyReused(command.job_id)
    return Taken(opened, is_new=False)


def _opened(command: OpenJob) -> JobOpened:
    """Raises DomainError: a rule stands in the way."""
    [event] = decider.decide(command, _NEW_JOB)
    return cast("JobOpened", event)
