"""Erase a person: destroy the keys of what is known of them, end what is open, remove the files that named them."""

from dataclasses import dataclass
from typing import cast

import msgspec

from dispatch.application.handle import CONFLICTS_MAX, handle_many
from dispatch.application.intake.fields import ValueRefused, read_email, read_phone
from dispatch.application.intake.kept import files_of
from dispatch.application.intake.retention import is_read
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import Append, Cause, EventLedger, VersionConflict
from dispatch.application.ports.privacy import Address, AddressKind, PersonVault
from dispatch.domain.batch.decide import decider as batch_decider
from dispatch.domain.batch.events import Event as BatchEvent
from dispatch.domain.batch.state import Batch
from dispatch.domain.contact.commands import EraseSubject
from dispatch.domain.contact.decide import decider
from dispatch.domain.contact.events import Event
from dispatch.domain.errors import DomainError
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import CancelJob
from dispatch.domain.job.decide import decider as job_decider
from dispatch.domain.job.events import Event as JobEvent
from dispatch.domain.job.state import Job

JOBS_PER_LOAD = 500


class AddressInvalid(DomainError):
    """This is no address that a contact could have."""

    code = "address_invalid"


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did, or would do."""

    contact_id: str
    jobs: tuple[str, ...]
    """Jobs whose persons can no longer be read, those of earlier erasures of this contact included."""
    cancelled: tuple[str, ...]
    """Those of them that were open and had not been sent."""
    files_removed: tuple[str, ...]
    """SHA-256 of received files that named the person and are needed no more."""
    files_needed: tuple[str, ...]
    """SHA-256 of those that are still being read in: run the erasure again when they are done."""


def read_address(kind: AddressKind, text: str) -> Address:
    """The address as it is kept. Raises AddressInvalid."""
    if kind is AddressKind.DEVICE:
        return Address(kind, read_device(text))
    try:
        return Address(kind, read_phone(text.strip()) if kind is AddressKind.PHONE else read_email(text.strip()))
    except ValueRefused as refused:
        wanted = "a UK phone number" if kind is AddressKind.PHONE else "an e-mail address"
        raise AddressInvalid(f"write {wanted}") from refused


def read_device(text: str) -> str:
    """The token of a device. Raises AddressInvalid."""
    token = text.strip()
    if not token or not token.isascii() or any(character.isspace() for character in token):
        raise AddressInvalid("write a device's token: ASCII without spaces")
    return token


@dataclass(frozen=True)
class EraseContact:
    """The use case; repeated after an interruption it finishes what is left and records nothing twice."""

    ledger: EventLedger
    persons: PersonVault
    files: FileStore
    clock: Clock

    def __call__(self, address: Address, reason: str, by: str) -> Erasure:
        """Erase the person behind this address.

        Raises:
            ContactUnknown, ReasonMissing: nothing was done.
            KeyMissing, LedgerUnavailable: run it again.
        """
        contact_id = self.persons.contact_id(address)
        jobs = self._destroy(contact_id, reason, by)
        cancelled = self._cancel(contact_id, jobs, by)
        removed, needed = self._files(jobs)
        for file_hash in removed:
            self.files.remove(file_hash)
        return Erasure(
            contact_id=contact_id, jobs=jobs, cancelled=cancelled, files_removed=removed, files_needed=needed
        )

    def preview(self, address: Address) -> Erasure:
        """What erasing would do; nothing is changed or recorded. Raises KeyMissing, LedgerUnavailable."""
        contact_id = self.persons.contact_id(address)
        jobs = tuple(self.persons.jobs_of(contact_id))
        removed, needed = self._files(jobs)
        cancelled = tuple(job_id for job_id, job in self._load(jobs) if _can_cancel(job))
        return Erasure(
            contact_id=contact_id, jobs=jobs, cancelled=cancelled, files_removed=removed, files_needed=needed
        )

    def _destroy(self, contact_id: str, reason: str, by: str) -> tuple[str, ...]:
        for _ in range(CONFLICTS_MAX):
            history = self.ledger.load(contact_id)
            contact = decider.fold(cast("list[Event]", history.events))
            command = EraseSubject(
                contact_id=contact_id,
                at=self.clock(),
                by=by,
                reason=reason,
                jobs=tuple(self.persons.jobs_of(contact_id)),
            )
            events = decider.decide(command, contact)
            if not events:
                return contact.erased
            cause = Cause(command_id=command_id(contact_id, "erase", history.version, command.at), actor=by)
            record = Append(contact_id, history.version, events, cause)
            if self.persons.erase(record, events[0].jobs):
                return contact.erased + events[0].jobs
        raise VersionConflict(contact_id, 0, 0)

    def _cancel(self, contact_id: str, jobs: tuple[str, ...], by: str) -> tuple[str, ...]:
        """Jobs that were sent already are followed to their receipt: that needs nothing of the person."""
        at = self.clock()
        by_batch: dict[str, list[str]] = {}
        for job_id, job in self._load(jobs):
            if _can_cancel(job):
                by_batch.setdefault(job.batch_id, []).append(job_id)
        cancelled: list[str] = []
        for batch_id, open_jobs in by_batch.items():
            cause = Cause(command_id=command_id(contact_id, batch_id, at), correlation_id=batch_id, actor=by)
            commands = [
                (job_id, CancelJob(job_id=job_id, at=at, by=by, reason="person_erased")) for job_id in open_jobs
            ]
            answers = handle_many(self.ledger, job_decider, commands, cause)
            cancelled += [job_id for job_id, answer in answers.items() if isinstance(answer, list) and answer]
        return tuple(cancelled)

    def _files(self, jobs: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        removed, needed = set[str](), set[str]()
        for batch_id in {job.batch_id for _, job in self._load(jobs)} - {""}:
            batch = self._batch(batch_id)
            kept = [file_hash for file_hash in files_of(batch) if self.files.has(file_hash)]
            if kept:  # Those of its corrections are read together with its own.
                (needed if is_read(self.ledger, batch.file_hash) else removed).update(kept)
        return tuple(sorted(removed)), tuple(sorted(needed))

    def _batch(self, batch_id: str) -> Batch:
        return batch_decider.fold(cast("list[BatchEvent]", self.ledger.load(batch_id).events))

    def _load(self, jobs: tuple[str, ...]) -> list[tuple[str, Job]]:
        loaded: list[tuple[str, Job]] = []
        for start in range(0, len(jobs), JOBS_PER_LOAD):
            histories = self.ledger.load_many(jobs[start : start + JOBS_PER_LOAD])
            loaded += [
                (job_id, job_decider.fold(cast("list[JobEvent]", history.events)))
                for job_id, history in histories.items()
            ]
        return loaded


def _can_cancel(job: Job) -> bool:
    return job.status is not None and not (job.ended or job.sent or job.started_attempt)
