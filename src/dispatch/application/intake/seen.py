"""Which keys were seen: exact but for the odds of a hash, in about 16 bytes a key."""

from array import array
from collections.abc import Sequence

_SLOTS_FIRST = 1024
_BITS = 0xFFFF_FFFF_FFFF_FFFF


class SeenKeys:
    """A set of texts that keeps the 64 bits of Python's keyed hash of each (SipHash), in an open-addressed table.

    The odds that any two different keys of a million are taken for one are 1 in 37 million, and nobody can choose them.
    A Python set of the same hashes takes five times the memory.
    """

    def __init__(self) -> None:
        self._slots = array("Q", [0]) * _SLOTS_FIRST
        self._mask = _SLOTS_FIRST - 1
        self._room = _SLOTS_FIRST * 2 // 3

    def add(self, key: str) -> bool:
        """Remember a key; was it new?"""
        digest = hash(key) & _BITS or 1  # 0 is an empty slot.
        slots, mask = self._slots, self._mask
        slot = digest & mask
        while found := slots[slot]:
            if found == digest:
                return False
            slot = (slot + 1) & mask
        slots[slot] = digest
        self._room -= 1
        if not self._room:
            self._grow()
        return True

    def add_all(self, keys: Sequence[str]) -> list[bool]:
        """`add` for many at once."""
        while self._room <= len(keys):
            self._grow()
        slots, mask = self._slots, self._mask
        fresh = []
        for hashed in map(hash, keys):
            digest = hashed & _BITS or 1
            slot = digest & mask
            while (found := slots[slot]) and found != digest:
                slot = (slot + 1) & mask
            slots[slot] = digest
            fresh.append(not found)
        self._room -= sum(fresh)
        return fresh

    def _grow(self) -> None:
        old = self._slots
        size = 2 * len(old)
        slots = array("Q", [0]) * size
        mask = size - 1
        for digest in old:
            if digest:
                slot = digest & mask
                while slots[slot]:
                    slot = (slot + 1) & mask
                slots[slot] = digest
        self._slots, self._mask = slots, mask
        self._room = size * 2 // 3 - len(old) * 2 // 3
