"""Keys of imported persons, 1,024 in a row of the database: a million of them are a thousand rows.

The ids of a batch's jobs end with the row number, so an id without its last ten bits names the block, and these bits
the slot. A block holds a key for each of its slots, whether a row became a job or not. It is made of chance: bytes that
are decrypted with AES-256-CTR (NIST SP 800-38A) to keys nobody can guess. A slot of zeros is a key that was destroyed;
that needs no master key and touches no other slot. What a changed slot decrypts to is no person's key: AES-GCM notices.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import psycopg
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from dispatch.adapters.privacy.cipher import KEY_BYTES

SLOTS = 1024
NONCE_BYTES = 16
AES_BLOCKS_PER_SLOT = KEY_BYTES // 16
DESTROYED = bytes(KEY_BYTES)
WHOLE_FROM = 16
"""From so many slots on a block is fetched whole; below, only these slots of it travel."""

_SLOT_BITS = SLOTS - 1
_ROUNDED = [bytes(((byte << 8 & ~_SLOT_BITS) >> 8, 0)) for byte in range(256)]
_ALL = (1 << 128) - 1
_NOTHING = bytes(SLOTS * KEY_BYTES)

MAKE = """
INSERT INTO privacy.key_blocks (block, master_key, nonce, keys) VALUES (%b::text::uuid, %b, %b, %b)
ON CONFLICT DO NOTHING
"""
WHOLE = """
SELECT uuid_send(block), master_key, nonce, keys FROM privacy.key_blocks WHERE block = ANY(%b::text[]::uuid[])
"""
SLOTS_OF = """
SELECT uuid_send(asked.subject), kept.master_key, kept.nonce, substring(kept.keys FROM asked.slot * 32 + 1 FOR 32)
FROM unnest(%b::text[]::uuid[], %b::text[]::uuid[], %b::int[]) AS asked (subject, block, slot)
JOIN privacy.key_blocks AS kept USING (block)
"""
LOCKED = "SELECT keys FROM privacy.key_blocks WHERE block = %b::text::uuid FOR UPDATE"
DESTROY = "UPDATE privacy.key_blocks SET keys = %b WHERE block = %b::text::uuid"

Connection = psycopg.Connection[Any]


class Slot(NamedTuple):
    """A key as it is stored: which master key it is under, where its part of the key stream begins, and its bytes."""

    master_key: bytes
    nonce: bytes
    slot: int
    stored: bytes

    @property
    def is_destroyed(self) -> bool:
        """Was this key overwritten?"""
        return self.stored == DESTROYED


def block_of(subject: bytes) -> tuple[bytes, int]:
    """The block of a subject, and its slot in there."""
    return subject[:14] + _ROUNDED[subject[14]], (subject[14] << 8 | subject[15]) & _SLOT_BITS


def by_block(subjects: Iterable[bytes]) -> dict[bytes, list[tuple[bytes, int]]]:
    """Subjects and their slots, block by block in order."""
    blocks: dict[bytes, list[tuple[bytes, int]]] = {}
    neighbours: dict[bytes, tuple[Callable[[tuple[bytes, int]], None], int]] = {}  # 256 of them begin alike.
    for subject in subjects:
        known = neighbours.get(subject[:15])
        if known is None:
            block, slot = block_of(subject)
            known = neighbours[subject[:15]] = blocks.setdefault(block, []).append, slot & ~0xFF
        add, first = known
        add((subject, first | subject[15]))
    return dict(sorted(blocks.items()))


def make_blocks(connection: Connection, master_id: bytes, blocks: Iterable[bytes]) -> None:
    """Give each of these blocks its keys, where it has none yet; a key that exists is never replaced."""
    for block in blocks:
        made = (block.hex(), master_id, os.urandom(NONCE_BYTES), os.urandom(SLOTS * KEY_BYTES))
        connection.execute(MAKE, made)


def find_slots(connection: Connection, subjects: Sequence[bytes]) -> dict[bytes, Slot]:
    """Those of the subjects that have a block, with their slots."""
    found: dict[bytes, Slot] = {}
    whole: dict[bytes, list[tuple[bytes, int]]] = {}
    few: list[tuple[bytes, bytes, int]] = []
    for block, members in by_block(subjects).items():
        if len(members) < WHOLE_FROM:
            few += [(subject, block, slot) for subject, slot in members]
        else:
            whole[block] = members
    if whole:
        asked = ([block.hex() for block in whole],)
        for block, master_key, nonce, keys in connection.execute(WHOLE, asked, binary=True):
            for subject, slot in whole[bytes(block)]:
                stored = keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]
                found[subject] = Slot(bytes(master_key), bytes(nonce), slot, bytes(stored))
    if few:
        slots = {subject: slot for subject, _, slot in few}
        columns = ([s.hex() for s, _, _ in few], [b.hex() for _, b, _ in few], [slot for _, _, slot in few])
        for subject, master_key, nonce, stored in connection.execute(SLOTS_OF, columns, binary=True):
            found[bytes(subject)] = Slot(bytes(master_key), bytes(nonce), slots[bytes(subject)], bytes(stored))
    return found


def find_blocks(
    connection: Connection, blocks: Mapping[bytes, Sequence[tuple[bytes, int]]]
) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Block, master key's id, nonce and kept keys of those of the blocks that are there."""
    asked = ([block.hex() for block in blocks],)
    rows = connection.execute(WHOLE, asked, binary=True).fetchall()
    return [(bytes(block), bytes(master_key), bytes(nonce), bytes(keys)) for block, master_key, nonce, keys in rows]


def open_block(
    master_key: bytes, nonce: bytes, kept: bytes, members: Iterable[tuple[bytes, int]]
) -> dict[bytes, bytes | None]:
    """The keys of many members of one block: as `open_slots`, with one operation over the whole block."""
    opened = _xor(kept, _stream(master_key, nonce, 0, SLOTS))
    if DESTROYED not in kept:
        return {subject: opened[slot * KEY_BYTES : (slot + 1) * KEY_BYTES] for subject, slot in members}
    return {
        subject: None if kept.startswith(DESTROYED, at) else opened[at : at + KEY_BYTES]
        for subject, slot in members
        for at in (slot * KEY_BYTES,)
    }


def open_slots(master_keys: Mapping[bytes, bytes], found: Mapping[bytes, Slot]) -> dict[bytes, bytes | None]:
    """The keys themselves, None for one that was destroyed. `master_keys` by id: all that are named."""
    members = Counter((slot.master_key, slot.nonce) for slot in found.values())
    whole = {
        (master_key, nonce): _stream(master_keys[master_key], nonce, 0, SLOTS)
        for (master_key, nonce), count in members.items()
        if count >= WHOLE_FROM
    }
    return {subject: _opened(master_keys, whole, slot) for subject, slot in found.items()}


def destroy_slots(connection: Connection, subjects: Iterable[bytes]) -> None:
    """Overwrite the keys of these subjects that stand in blocks. Blocks are locked in one order by everybody."""
    for block, members in by_block(subjects).items():
        row = connection.execute(LOCKED, (block.hex(),), binary=True).fetchone()
        if row is None:
            continue
        keys = bytearray(row[0])
        for _, slot in members:
            keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES] = DESTROYED
        connection.execute(DESTROY, (bytes(keys), block.hex()))


def wrap_anew(old: bytes, old_nonce: bytes, new: bytes, keys: bytes) -> tuple[bytes, bytes]:
    """The same keys under another master key: a new nonce and the block's bytes; what was destroyed stays so."""
    nonce = os.urandom(NONCE_BYTES)
    both = _xor(_stream(old, old_nonce, 0, SLOTS), _stream(new, nonce, 0, SLOTS))
    again = bytearray(_xor(keys, both))
    for at in range(0, len(keys), KEY_BYTES):
        if keys[at : at + KEY_BYTES] == DESTROYED:
            again[at : at + KEY_BYTES] = DESTROYED
    return nonce, bytes(again)


def _opened(master_keys: Mapping[bytes, bytes], whole: Mapping[tuple[bytes, bytes], bytes], slot: Slot) -> bytes | None:
    if slot.is_destroyed:
        return None
    stream = whole.get((slot.master_key, slot.nonce))
    if stream is None:
        return _xor(slot.stored, _stream(master_keys[slot.master_key], slot.nonce, slot.slot, 1))
    return _xor(slot.stored, stream[slot.slot * KEY_BYTES : (slot.slot + 1) * KEY_BYTES])


def _stream(master_key: bytes, nonce: bytes, first: int, slots: int) -> bytes:
    """The part of the key stream that these slots are encrypted with."""
    key = sha256(b"dispatch key blocks v1\x00" + master_key).digest()
    counter = (int.from_bytes(nonce) + first * AES_BLOCKS_PER_SLOT) & _ALL
    return Cipher(AES(key), CTR(counter.to_bytes(16))).encryptor().update(_NOTHING[: slots * KEY_BYTES])


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))
