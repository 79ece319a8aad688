"""Rotation of the master key: every wrapped key is wrapped anew; the ledger is not touched.

The new key is in the file before the database names it, and the old one leaves the file when nothing is wrapped under
it: an interruption at any point is finished by rotating again.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.privacy.cipher import new_key, wrap, wrap_all
from dispatch.adapters.privacy.key_blocks import SLOTS, wrap_anew
from dispatch.adapters.privacy.keyring import IN_USE, INDEX, INDEX_KEY, LOCK, REGISTER, Keyring
from dispatch.adapters.privacy.master_keys import key_id

KEYS_PER_STEP = 5_000
RETIRE = "UPDATE privacy.master_keys SET retired_at = clock_timestamp() WHERE id <> %s AND retired_at IS NULL"
COUNT = """
SELECT (SELECT count(*) FROM privacy.subject_keys WHERE master_key <> %(new)s AND wrapped IS NOT NULL)
     + 1024 * (SELECT count(*) FROM privacy.key_blocks WHERE master_key <> %(new)s)
"""
NEXT = """
SELECT uuid_send(subject), master_key, wrapped FROM privacy.subject_keys
WHERE subject > %s::uuid AND master_key <> %s AND wrapped IS NOT NULL ORDER BY subject LIMIT %s FOR UPDATE
"""
REWRAP = """
UPDATE privacy.subject_keys AS kept SET master_key = %b, wrapped = again.wrapped
FROM unnest(%b::text[]::uuid[], %b::bytea[]) AS again (subject, wrapped) WHERE kept.subject = again.subject
"""
NEXT_BLOCK = """
SELECT block::text, master_key, nonce, keys FROM privacy.key_blocks WHERE master_key <> %s LIMIT 1 FOR UPDATE
"""
REWRAP_BLOCK = "UPDATE privacy.key_blocks SET master_key = %b, nonce = %b, keys = %b WHERE block = %b::text::uuid"
REWRAP_INDEX = "UPDATE privacy.index_key SET master_key = %s, wrapped = %s"
FIRST_UUID = "00000000-0000-0000-0000-000000000000"


class Rotation:
    """Puts a new master key in the place of the one in use."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]], keyring: Keyring) -> None:
        self._pool, self._keyring = pool, keyring

    def __call__(self, on_progress: Callable[[int, int], None] = lambda done, all_of_them: None) -> tuple[str, int]:
        """Rotate, or finish an interrupted rotation; answers the id of the key in use and how many keys were wrapped.

        Keys of a file: a new one is made, and the old one removed at the end. Keys of a setting: the first one named
        becomes the one in use; the others may be taken out of the setting afterwards.

        Raises:
            KeyMissing, LedgerUnavailable, OSError: what was done stays, and rotating again goes on from there.
        """
        new, key = self._put_in_use()
        done = 0
        with transaction(self._pool) as connection:
            [(waiting,)] = connection.execute(COUNT, {"new": new}).fetchall()
        after = FIRST_UUID
        while step := self._rewrap(new, key, after):
            after, count = step
            done += count
            on_progress(done, max(waiting, done))
        while self._rewrap_block(new, key):
            done += SLOTS
            on_progress(done, max(waiting, done))
        if self._keyring.master_keys.from_file:
            self._keyring.master_keys.save({new: key})
        self._keyring.reload()
        return new.hex(), done

    def _put_in_use(self) -> tuple[bytes, bytes]:
        master_keys, in_use = self._keyring.master_keys, self._keyring.in_use()[0]
        keys = master_keys.load()
        if master_keys.from_file and next(iter(keys)) == in_use and len(keys) == 1:
            fresh = new_key()
            keys = {key_id(fresh): fresh, **keys}
            master_keys.save(keys)
        new, key = next(iter(keys.items()))
        with transaction(self._pool) as connection:
            connection.execute(LOCK)
            [(found,)] = connection.execute(IN_USE).fetchall()
            if found != new:
                connection.execute(RETIRE, (new,))
                connection.execute(REGISTER, (new,))
        self._keyring.reload()
        with transaction(self._pool) as connection:
            [(master_key, wrapped)] = connection.execute(INDEX_KEY).fetchall()
            if master_key != new:
                secret = self._keyring.unwrap(master_key, INDEX, wrapped)
                connection.execute(REWRAP_INDEX, (new, wrap(key, INDEX, secret)))
        return new, key

    def _rewrap_block(self, new: bytes, key: bytes) -> bool:
        with transaction(self._pool) as connection:
            row = connection.execute(NEXT_BLOCK, (new,)).fetchone()
            if row is None:
                return False
            block, master_key, nonce, keys = row
            old = self._keyring.master_key(bytes(master_key))
            connection.execute(REWRAP_BLOCK, (new, *wrap_anew(old, bytes(nonce), key, bytes(keys)), block))
        return True

    def _rewrap(self, new: bytes, key: bytes, after: str) -> tuple[str, int] | None:
        with transaction(self._pool) as connection:
            rows = connection.execute(NEXT, (after, new, KEYS_PER_STEP)).fetchall()
            if not rows:
                return None
            secrets = {bytes(s): self._keyring.unwrap(bytes(m), bytes(s), bytes(w)) for s, m, w in rows}
            connection.execute(REWRAP, (new, [subject.hex() for subject in secrets], wrap_all(key, secrets)))
        return bytes(rows[-1][0]).hex(), len(rows)
