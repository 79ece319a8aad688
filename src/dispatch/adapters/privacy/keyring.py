"""Which master key is in use, and the key of contact ids under it. The database says which; the keys are elsewhere."""

from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.privacy.cipher import CiphertextInvalid, new_key, unwrap, wrap
from dispatch.adapters.privacy.master_keys import MasterKeys
from dispatch.application.ports.privacy import KeyMissing, PersonUnreadable

LOCK = "LOCK TABLE privacy.master_keys IN SHARE ROW EXCLUSIVE MODE"
IN_USE = "SELECT id FROM privacy.master_keys WHERE retired_at IS NULL"
REGISTER = "INSERT INTO privacy.master_keys (id) VALUES (%s)"
INDEX_KEY = "SELECT master_key, wrapped FROM privacy.index_key"
FIRST_INDEX_KEY = "INSERT INTO privacy.index_key (master_key, wrapped) VALUES (%s, %s)"
INDEX = b"contact index"

Connection = psycopg.Connection[Any]


class Keyring:
    """The keys that this process holds. What another process rotated is loaded again when it is met."""

    def __init__(self, pool: ConnectionPool[Connection], master_keys: MasterKeys) -> None:
        self._pool, self.master_keys = pool, master_keys
        self._keys: dict[bytes, bytes] = {}
        self._in_use = b""
        self._index_key = b""

    def in_use(self) -> tuple[bytes, bytes]:
        """Id and key of the master key that wraps today. Raises KeyMissing, LedgerUnavailable."""
        if not self._in_use:
            self.reload()
        return self._in_use, self._keys[self._in_use]

    def index_key(self) -> bytes:
        """The key of contact ids. Raises KeyMissing, LedgerUnavailable."""
        if not self._index_key:
            self.reload()
        return self._index_key

    def master_key(self, id_of_key: bytes) -> bytes:
        """The master key of this id. Raises KeyMissing, LedgerUnavailable."""
        if id_of_key not in self._keys:
            self.reload()
        if id_of_key not in self._keys:
            raise KeyMissing(f"the master key {id_of_key.hex()} is not here: put it back into {self._where}")
        return self._keys[id_of_key]

    def unwrap(self, master_key: bytes, name: bytes, wrapped: bytes) -> bytes:
        """A key that was wrapped under this master key. Raises KeyMissing, PersonUnreadable."""
        key = self.master_key(master_key)
        try:
            return unwrap(key, name, wrapped)
        except CiphertextInvalid as error:
            raise PersonUnreadable(f"a wrapped key was changed in the database: {error}") from error

    def reload(self) -> None:
        """Ask file and database again; the first process ever registers its key and makes the index key.

        Raises:
            KeyMissing: the key in use is not among those at hand.
            LedgerUnavailable: Postgres cannot be reached.
        """
        self._keys = self.master_keys.load()
        with transaction(self._pool) as connection:
            found = connection.execute(IN_USE).fetchone() or self._first(connection)
            if found[0] not in self._keys:
                raise KeyMissing(
                    f"persons of this ledger are encrypted under the master key {found[0].hex()}, and"
                    f" {self._where} holds {', '.join(key.hex() for key in self._keys)}: put the right key there"
                )
            self._in_use = found[0]
            row = connection.execute(INDEX_KEY).fetchone()
        if row is None or row[0] not in self._keys:
            raise KeyMissing(f"the key of contact ids cannot be read with the master keys in {self._where}")
        self._index_key = self.unwrap(row[0], INDEX, row[1])

    @property
    def _where(self) -> str:
        return str(self.master_keys.path) if self.master_keys.from_file else "the setting master_key"

    def _first(self, connection: Connection) -> tuple[bytes]:
        connection.execute(LOCK)
        if (found := connection.execute(IN_USE).fetchone()) is not None:
            return (found[0],)  # Another process was faster.
        first, key = next(iter(self._keys.items()))
        connection.execute(REGISTER, (first,))
        connection.execute(FIRST_INDEX_KEY, (first, wrap(key, INDEX, new_key())))
        return (first,)
