"""The vault: encrypts the persons in events before they are stored, reads them again, and destroys their keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import Any, cast
from uuid import UUID

import psycopg
from msgspec.structs import replace
from psycopg_pool import ConnectionPool

from dispatch.adapters.codec import encode_parts
from dispatch.adapters.ledger.copying import StoredPersons
from dispatch.adapters.ledger.framing import arrays, framed, register_arrays, uuid_bytes, uuids_bytes
from dispatch.adapters.ledger.postgres import APPEND
from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.privacy.address_runs import AddressRuns
from dispatch.adapters.privacy.addresses import addresses_of, contact_id, contact_keys, contacts_of
from dispatch.adapters.privacy.cipher import CiphertextInvalid, decrypt_person, encrypt_person, encrypted_parts, nonces
from dispatch.adapters.privacy.keyring import Keyring
from dispatch.adapters.privacy.keys_at_once import KeysAtOnce
from dispatch.adapters.privacy.subject_keys import SubjectKeys
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.privacy import Address, PersonUnreadable
from dispatch.domain.events import Event
from dispatch.domain.job.events import JobOpened, StageCompleted
from dispatch.domain.person import Person

JOBS_OF = "SELECT subject::text FROM privacy.addresses WHERE contact = %s::text::uuid ORDER BY subject"
FORGET = "DELETE FROM privacy.addresses WHERE subject = ANY(%s::text[]::uuid[])"
NOBODY = Person()
[NOBODY_STORED] = encode_parts([NOBODY])
NEW_FROM = 50
"""So many new persons at once are an import: their keys come in blocks."""


class PostgresPersonVault:
    """Implements the port `PersonVault`, and encrypts for the ledger. Nothing is cached: a destroyed key is gone."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]], keyring: Keyring) -> None:
        self._pool, self._keyring = pool, keyring
        self._keys, self._runs = SubjectKeys(pool, keyring), AddressRuns(pool)
        self._at_once = KeysAtOnce(self._keys)

    def encrypt(self, appends: Sequence[Append]) -> list[Append]:
        """The same appends with every person in them encrypted; a person who was erased is left out.

        Raises:
            ValueError: a stream's id is not a UUID.
            KeyMissing, LedgerUnavailable: nothing is lost; ask again.
        """
        opening = list(map(_opens_job, appends))
        if sum(opening) < NEW_FROM:
            return self._encrypt_any(appends)
        new = iter(self._encrypt_import(list(compress(appends, opening))))
        others = iter(
            self._encrypt_any([append for append, is_new in zip(appends, opening, strict=True) if not is_new])
        )
        return [next(new if is_new else others) for is_new in opening]

    @contextmanager
    def encrypting(self, job_ids: Sequence[str]) -> Iterator[StoredPersons]:
        """Encrypts the persons of these new jobs as `encrypt` does it, as many at a time as there are at hand.

        Nothing of them may be recorded before the end of the block: then their addresses are stored, too.

        Raises as `encrypt`, at the end as well.
        """
        index_key, pairs = self._keyring.index_key(), list[tuple[bytes, bytes]]()
        keys, store = self._keys.reserve(uuids_bytes(job_ids))

        def encrypt(subjects: Sequence[bytes], persons: Sequence[Person]) -> list[bytes]:
            plain = encode_parts(persons)
            pairs.extend(contacts_of(index_key, persons, subjects))
            known = [
                None if person == NOBODY_STORED else keys[subject]
                for subject, person in zip(subjects, plain, strict=True)
            ]
            return encrypted_parts(known, subjects, plain, NOBODY_STORED)

        yield encrypt
        store(pairs)

    def _encrypt_any(self, appends: Sequence[Append]) -> list[Append]:
        holding = [(append, known) for append in appends if (known := _persons(append.events))]
        if not holding:
            return list(appends)
        persons = {uuid_bytes(append.stream): known for append, known in holding}
        contact_key = contact_keys(self._keyring.index_key())
        pairs = [
            (contact_key(kind, value), subject)
            for subject, known in persons.items()
            for person in known
            for kind, value in addresses_of(person)
        ]
        are_new = all(append.version == 0 for append, _ in holding)
        return _encrypted(appends, self._at_once.ensure(list(persons), pairs, are_new=are_new))

    def _encrypt_import(self, appends: Sequence[Append]) -> list[Append]:
        """One new job each, in one pass."""
        subjects = [uuid_bytes(append.stream) for append in appends]
        jobs = [cast("JobOpened", append.events[0]) for append in appends]
        index_key = self._keyring.index_key()
        keys, store = self._keys.reserve(subjects)
        encrypted = [
            Append(
                append.stream,
                0,
                (replace(job, person=NOBODY if key is None else encrypt_person(key, subject, job.person, nonce)),),
                append.cause,
            )
            for append, job, subject, key, nonce in zip(
                appends, jobs, subjects, map(keys.__getitem__, subjects), nonces(), strict=False
            )
        ]
        store(contacts_of(index_key, (job.person for job in jobs), subjects))
        return encrypted

    def read(self, persons: Mapping[str, Person]) -> dict[str, Person | None]:
        locked = {job_id: person for job_id, person in persons.items() if person.encrypted}
        if not locked:
            return dict(persons)
        subjects = {job_id: uuid_bytes(job_id) for job_id in locked}
        keys = self._keys.find(list(subjects.values()))
        return {
            job_id: self._read(job_id, subjects[job_id], keys, person) if person.encrypted else person
            for job_id, person in persons.items()
        }

    def contact_id(self, address: Address) -> str:
        return contact_id(self._keyring.index_key(), address)

    def jobs_of(self, contact_id: str) -> list[str]:
        self._runs.fold_all()
        with transaction(self._pool) as connection:
            return [str(UUID(subject)) for (subject,) in connection.execute(JOBS_OF, (contact_id,))]

    def erase(self, record: Append, jobs: Sequence[str]) -> bool:
        with transaction(self._pool) as connection:
            register_arrays(connection)
            [(found, already, _)] = connection.execute(APPEND, arrays([framed([record])])).fetchall()
            if found is not None and already is None and found != record.version:
                return False
            self._keys.destroy(connection, [uuid_bytes(job_id) for job_id in jobs])
            connection.execute(FORGET, (list(jobs),))
        return True

    @staticmethod
    def _read(job_id: str, subject: bytes, keys: Mapping[bytes, bytes | None], person: Person) -> Person | None:
        if subject not in keys:
            raise PersonUnreadable(
                f"the key of the person of job {job_id} is gone, and nobody destroyed it: restore privacy"
            )
        key = keys[subject]
        try:
            return None if key is None else decrypt_person(key, subject, person)
        except CiphertextInvalid as error:
            raise PersonUnreadable(f"the person of job {job_id} cannot be read: {error}") from error


def _opens_job(append: Append) -> bool:
    """Is this a new job with a person in plain text, and nothing else?"""
    if append.version or len(append.events) != 1:
        return False
    event = append.events[0]
    return isinstance(event, JobOpened) and _is_plain(event.person)


def _persons(events: Iterable[Event]) -> list[Person]:
    return [
        event.person
        for event in events
        if isinstance(event, JobOpened | StageCompleted) and event.person and _is_plain(event.person)
    ]


def _is_plain(person: Person) -> bool:
    return not person.encrypted and person != NOBODY


def _encrypted(appends: Sequence[Append], keys: Mapping[bytes, bytes | None]) -> list[Append]:
    chance = nonces()

    def encrypted(event: Event, subject: bytes, key: bytes | None) -> Event:
        if isinstance(event, JobOpened) and _is_plain(event.person):
            person = encrypt_person(key, subject, event.person, next(chance)) if key else NOBODY
            return replace(event, person=person)
        if isinstance(event, StageCompleted) and event.person is not None and _is_plain(event.person):
            return replace(event, person=encrypt_person(key, subject, event.person, next(chance)) if key else None)
        return event

    done: list[Append] = []
    for append in appends:
        subject = uuid_bytes(append.stream)
        if subject in keys:
            events = [encrypted(event, subject, keys[subject]) for event in append.events]
            done.append(Append(append.stream, append.version, events, append.cause))
        else:
            done.append(append)
    return done
