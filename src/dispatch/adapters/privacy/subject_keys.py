"""The keys of subjects: in blocks where they came by the thousand, one by one else; each kept under a master key.

A destroyed key leaves a trace that says so. A subject has its key in one place only: whoever makes one looks first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import statements, transaction
from dispatch.adapters.privacy.address_runs import write_run
from dispatch.adapters.privacy.cipher import new_keys, wrap_all
from dispatch.adapters.privacy.key_blocks import (
    Slot,
    block_of,
    by_block,
    destroy_slots,
    find_blocks,
    find_slots,
    make_blocks,
    open_block,
    open_slots,
)
from dispatch.adapters.privacy.keyring import Keyring

# A process that missed a rotation must not wrap under a key that is about to be thrown away.
STILL_IN_USE = "SELECT FROM privacy.master_keys WHERE id = %s AND retired_at IS NULL FOR SHARE"
OFFER = """
INSERT INTO privacy.subject_keys (subject, master_key, wrapped)
SELECT subject, %b, wrapped FROM unnest(%b::text[]::uuid[], %b::bytea[]) AS offered (subject, wrapped) ORDER BY subject
ON CONFLICT DO NOTHING
"""
MAKE = """
WITH in_use AS MATERIALIZED (
    SELECT FROM privacy.master_keys WHERE id = %b AND retired_at IS NULL FOR SHARE
), made AS (
    INSERT INTO privacy.subject_keys (subject, master_key, wrapped)
    SELECT subject, %b, wrapped
    FROM unnest(%b::text[]::uuid[], %b::text[]::uuid[], %b::bytea[]) AS offered (subject, block, wrapped)
    WHERE EXISTS (SELECT FROM in_use)
    AND NOT EXISTS (SELECT FROM privacy.key_blocks AS kept WHERE kept.block = offered.block)
    ORDER BY subject
    ON CONFLICT DO NOTHING
    RETURNING subject
), remembered AS (
    INSERT INTO privacy.addresses (contact, subject)
    SELECT contact, subject FROM unnest(%b::text[]::uuid[], %b::text[]::uuid[]) AS known (contact, subject)
    WHERE subject IN (SELECT subject FROM made)
    ORDER BY contact, subject
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM made
"""
FIND = (
    "SELECT uuid_send(subject), master_key, wrapped FROM privacy.subject_keys WHERE subject = ANY(%b::text[]::uuid[])"
)
ANY_SINGLE = "SELECT EXISTS (SELECT FROM privacy.subject_keys WHERE subject BETWEEN %s::text::uuid AND %s::text::uuid)"
REMEMBER = """
INSERT INTO privacy.addresses (contact, subject)
SELECT contact, subject FROM unnest(%b::text[]::uuid[], %b::text[]::uuid[]) AS known (contact, subject)
ORDER BY contact, subject
ON CONFLICT DO NOTHING
"""
DESTROY = (
    "UPDATE privacy.subject_keys SET wrapped = NULL WHERE subject = ANY(%s::text[]::uuid[]) AND wrapped IS NOT NULL"
)
PER_BLOCK_MIN = 16
"""Fewer subjects to a block than this are not an import's: a block for each would be mostly air."""

Connection = psycopg.Connection[Any]
Pairs = Iterable[tuple[bytes, bytes]]
Stored = Slot | tuple[bytes, bytes | None]
"""A slot of a block; or master key and wrapped key, None where it was destroyed."""


class SubjectKeys:
    """Makes, finds and destroys keys. Subjects are the 16 bytes of a job's id."""

    def __init__(self, pool: ConnectionPool[Connection], keyring: Keyring) -> None:
        self._pool, self._keyring = pool, keyring

    def find(self, subjects: Sequence[bytes]) -> dict[bytes, bytes | None]:
        """The keys of these subjects, as far as they have one; None where it was destroyed.

        Raises KeyMissing, PersonUnreadable, LedgerUnavailable.
        """
        with statements(self._pool) as connection:
            stored = _find(connection, subjects)
        return self._opened(stored)

    def make(self, subjects: Sequence[bytes], addresses: Pairs) -> dict[bytes, bytes | None] | None:
        """As `ensure`, in one statement, for subjects that nobody has met; None where one of them has a key already,
        or the master key was rotated: ask `ensure` then.

        Raises as it does.
        """
        master_id, master_key = self._keyring.in_use()
        fresh, pairs = new_keys(subjects), list(addresses)
        blocks = [block_of(subject)[0] for subject in fresh]
        asked = (master_id, master_id, _texts(fresh), _texts(blocks), wrap_all(master_key, fresh))
        known = (_texts(contact for contact, _ in pairs), _texts(subject for _, subject in pairs))
        with statements(self._pool) as connection:
            [(made,)] = connection.execute(MAKE, (*asked, *known)).fetchall()
        return dict(fresh) if made == len(fresh) else None

    def ensure(self, subjects: Sequence[bytes], addresses: Pairs) -> dict[bytes, bytes | None]:
        """The key of each subject, made where there is none, durably; None where it was destroyed.

        `addresses` are pairs of contact and subject to be remembered, so that the subject can be found and erased.
        A key that exists is never replaced: something may be encrypted under it that is recorded already.

        Raises:
            KeyMissing: the master key in use is not here.
            LedgerUnavailable: nothing is known to be stored, and asking again is safe.
        """
        master_id, master_key = self._keyring.in_use()
        with transaction(self._pool) as connection:
            rotated = connection.execute(STILL_IN_USE, (master_id,)).fetchone() is None
            if not rotated:
                stored = _find(connection, subjects)
                fresh = new_keys([subject for subject in subjects if subject not in stored])
                if fresh:
                    offered = connection.execute(OFFER, (master_id, _texts(fresh), wrap_all(master_key, fresh)))
                    if offered.rowcount < len(fresh):
                        stored |= _find(connection, list(fresh))  # Another process was faster with some of them.
                live = [pair for pair in addresses if not _is_destroyed(stored.get(pair[1]))]
                if live:
                    connection.execute(REMEMBER, (_texts(c for c, _ in live), _texts(s for _, s in live)))
        if rotated:
            self._keyring.reload()
            return self.ensure(subjects, addresses)
        return fresh | self._opened(stored)

    def reserve(self, subjects: Sequence[bytes]) -> tuple[dict[bytes, bytes | None], Callable[[Pairs], None]]:
        """As `ensure` for the new subjects of an import, whose ids are neighbours: their keys come in blocks.

        The second answer stores their addresses; nothing may be recorded before that.

        Raises:
            KeyMissing, LedgerUnavailable: as `ensure`; the latter when addresses are stored as well.
        """
        blocks = by_block(subjects)
        if len(subjects) < PER_BLOCK_MIN * len(blocks):
            return self._reserve_singly(subjects)
        master_id, _ = self._keyring.in_use()
        with transaction(self._pool) as connection:
            rotated = connection.execute(STILL_IN_USE, (master_id,)).fetchone() is None
            single = connection.execute(ANY_SINGLE, (min(subjects).hex(), max(subjects).hex())).fetchone() == (True,)
            if not rotated and not single:
                make_blocks(connection, master_id, blocks)
                stored = find_blocks(connection, blocks)
        if rotated:
            self._keyring.reload()
            return self.reserve(subjects)
        if single:  # An import that an earlier version began.
            return self._reserve_singly(subjects)
        keys: dict[bytes, bytes | None] = {}
        for block, master_key, nonce, kept in stored:
            keys |= open_block(self._keyring.master_key(master_key), nonce, kept, blocks[block])
        destroyed = {subject for subject, key in keys.items() if key is None}

        def store(addresses: Pairs) -> None:
            live = (pair for pair in addresses if pair[1] not in destroyed) if destroyed else addresses
            with transaction(self._pool) as connection:
                write_run(connection, live)

        return keys, store

    def _reserve_singly(self, subjects: Sequence[bytes]) -> tuple[dict[bytes, bytes | None], Callable[[Pairs], None]]:
        def store(addresses: Pairs) -> None:
            self.ensure(subjects, addresses)

        return self.ensure(subjects, ()), store

    def destroy(self, connection: Connection, subjects: Sequence[bytes]) -> None:
        """Destroy the keys of these subjects, in the caller's transaction."""
        connection.execute(DESTROY, (_texts(subjects),))
        destroy_slots(connection, subjects)

    def _opened(self, stored: Mapping[bytes, Stored]) -> dict[bytes, bytes | None]:
        slots = {subject: one for subject, one in stored.items() if isinstance(one, Slot)}
        master_keys = {one.master_key: self._keyring.master_key(one.master_key) for one in slots.values()}
        opened = open_slots(master_keys, slots)
        for subject, one in stored.items():
            if not isinstance(one, Slot):
                opened[subject] = None if one[1] is None else self._keyring.unwrap(one[0], subject, one[1])
        return opened


def _find(connection: Connection, subjects: Sequence[bytes]) -> dict[bytes, Stored]:
    rows = connection.execute(FIND, (_texts(subjects),), binary=True)
    found: dict[bytes, Stored] = {bytes(subject): (bytes(master), wrapped) for subject, master, wrapped in rows}
    if missing := [subject for subject in subjects if subject not in found]:
        found |= find_slots(connection, missing)
    return found


def _is_destroyed(one: Stored | None) -> bool:
    if isinstance(one, Slot):
        return one.is_destroyed
    return one is not None and one[1] is None


def _texts(subjects: Iterable[bytes]) -> list[str]:
    return [subject.hex() for subject in subjects]
