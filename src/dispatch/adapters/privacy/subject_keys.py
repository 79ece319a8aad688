"""The keys of subjects, kept wrapped; a destroyed one leaves a row that says so."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.privacy.cipher import new_key, wrap
from dispatch.adapters.privacy.keyring import Keyring

# A process that missed a rotation must not wrap under a key that is about to be thrown away.
STILL_IN_USE = "SELECT FROM privacy.master_keys WHERE id = %s AND retired_at IS NULL FOR SHARE"
OFFER = """
INSERT INTO privacy.subject_keys (subject, master_key, wrapped)
SELECT subject, %b, wrapped FROM unnest(%b::text[]::uuid[], %b::bytea[]) AS offered (subject, wrapped) ORDER BY subject
ON CONFLICT DO NOTHING
"""
FIND = (
    "SELECT uuid_send(subject), master_key, wrapped FROM privacy.subject_keys WHERE subject = ANY(%b::text[]::uuid[])"
)
REMEMBER = """
INSERT INTO privacy.addresses (contact, subject)
SELECT contact, subject FROM unnest(%b::text[]::uuid[], %b::text[]::uuid[]) AS known (contact, subject)
ORDER BY contact, subject
ON CONFLICT DO NOTHING
"""


class SubjectKey(NamedTuple):
    """A key as it is stored; `wrapped` is None where it was destroyed."""

    master_key: bytes
    wrapped: bytes | None


class SubjectKeys:
    """Makes, finds and remembers keys. Subjects are the 16 bytes of a job's id."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]], keyring: Keyring) -> None:
        self._pool, self._keyring = pool, keyring

    def find(self, subjects: Sequence[bytes]) -> dict[bytes, SubjectKey]:
        """The keys that are stored for these subjects. Raises LedgerUnavailable."""
        with transaction(self._pool) as connection:
            return _find(connection, subjects)

    def ensure(self, subjects: Sequence[bytes], addresses: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes | None]:
        """The key of each subject, made where there is none, durably; None where it was destroyed.

        `addresses` are pairs of contact and subject to be remembered, so that the subject can be found and erased.
        A key that exists is never replaced: something may be encrypted under it that is recorded already.

        Raises:
            KeyMissing: the master key in use is not here.
            LedgerUnavailable: nothing is known to be stored, and asking again is safe.
        """
        master_id, master_key = self._keyring.in_use()
        fresh = {subject: new_key() for subject in subjects}
        wrapped = [wrap(master_key, subject, key) for subject, key in fresh.items()]
        with transaction(self._pool) as connection:
            if connection.execute(STILL_IN_USE, (master_id,)).fetchone() is None:
                rotated = True
            else:
                rotated = False
                offered = connection.execute(OFFER, (master_id, _texts(fresh), wrapped))
                stored = {} if offered.rowcount == len(fresh) else _find(connection, list(fresh))
                live = [pair for pair in addresses if pair[1] not in stored or stored[pair[1]].wrapped is not None]
                if live:
                    connection.execute(REMEMBER, ([_text(c) for c, _ in live], [_text(s) for _, s in live]))
        if rotated:
            self._keyring.reload()
            return self.ensure(subjects, addresses)
        return {subject: self._opened(subject, stored.get(subject), key) for subject, key in fresh.items()}

    def opened(self, found: Mapping[bytes, SubjectKey]) -> dict[bytes, bytes | None]:
        """The keys themselves. Raises KeyMissing."""
        return {subject: self._opened(subject, key, b"") for subject, key in found.items()}

    def _opened(self, subject: bytes, stored: SubjectKey | None, fresh: bytes) -> bytes | None:
        if stored is None:
            return fresh
        if stored.wrapped is None:
            return None
        return self._keyring.unwrap(stored.master_key, subject, stored.wrapped)


def _find(connection: psycopg.Connection[Any], subjects: Sequence[bytes]) -> dict[bytes, SubjectKey]:
    rows = connection.execute(FIND, (_texts(subjects),), binary=True)
    return {bytes(subject): SubjectKey(bytes(master_key), wrapped) for subject, master_key, wrapped in rows}


def _text(subject: bytes) -> str:
    return subject.hex()


def _texts(subjects: Iterable[bytes]) -> list[str]:
    return [subject.hex() for subject in subjects]
