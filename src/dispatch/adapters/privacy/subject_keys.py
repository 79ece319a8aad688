"""The keys of subjects, kept wrapped; a destroyed one leaves a row that says so."""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.ledger.copying import HEADER, TRAILER
from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.privacy.cipher import new_keys, wrap_all
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


COPY_KEYS = "COPY privacy.subject_keys (subject, master_key, wrapped) FROM STDIN (FORMAT BINARY)"
COPY_ADDRESSES = "COPY privacy.addresses (contact, subject) FROM STDIN (FORMAT BINARY)"
KEY_ROW = struct.Struct(">hi16si8si60s").pack
ADDRESS_ROW = struct.Struct(">hi16si16s").pack

_STORING = ThreadPoolExecutor(1, "store-keys")


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
        fresh = new_keys(subjects)
        wrapped = wrap_all(master_key, fresh)
        with transaction(self._pool) as connection:
            rotated = connection.execute(STILL_IN_USE, (master_id,)).fetchone() is None
            if not rotated:
                offered = connection.execute(OFFER, (master_id, _texts(fresh), wrapped))
                stored = {} if offered.rowcount == len(fresh) else _find(connection, list(fresh))
                live = [pair for pair in addresses if pair[1] not in stored or stored[pair[1]].wrapped is not None]
                if live:
                    connection.execute(REMEMBER, (_texts(c for c, _ in live), _texts(s for _, s in live)))
        if rotated:
            self._keyring.reload()
            return self.ensure(subjects, addresses)
        return {subject: self._opened(subject, stored.get(subject), key) for subject, key in fresh.items()}

    def create(
        self, fresh: Mapping[bytes, bytes], addresses: Callable[[], Iterable[tuple[bytes, bytes]]]
    ) -> Callable[[], bool]:
        """Begin to store keys for subjects that are new, with their addresses, at the speed of COPY.

        The answer waits for the end of it, and says whether it was done: not so where one of the subjects has a key,
        or the master key was rotated. Then nothing was stored, and `ensure` finds out.

        Raises:
            KeyMissing, LedgerUnavailable: as `ensure`; the second one when waiting.
        """
        master_id, master_key = self._keyring.in_use()
        keys = [KEY_ROW(3, 16, s, 8, master_id, 60, w) for s, w in zip(fresh, wrap_all(master_key, fresh), strict=True)]
        known = [ADDRESS_ROW(2, 16, contact, 16, subject) for contact, subject in set(addresses())]
        known.sort()  # Two imports at once never wait for each other in a circle.

        def store() -> bool:
            try:
                with transaction(self._pool) as connection, connection.cursor() as cursor:
                    if cursor.execute(STILL_IN_USE, (master_id,)).fetchone() is None:
                        return False
                    for statement, rows in ((COPY_KEYS, keys), (COPY_ADDRESSES, known)):
                        with cursor.copy(statement) as copy:
                            copy.write(b"".join((HEADER, *rows, TRAILER)))
            except psycopg.errors.UniqueViolation:
                return False
            return True

        return _STORING.submit(store).result

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


def _texts(subjects: Iterable[bytes]) -> list[str]:
    return [subject.hex() for subject in subjects]
