"""Merkle trees over a growing list (RFC 9162, section 2.1): roots, and proofs of inclusion and consistency.

Nothing is stored here: a tree of any size is read through a `Node`, which answers the hashes of complete subtrees.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves (RFC 9162, 2.1.1)."""

Node = Callable[[int, int], bytes]
"""`node(level, index)`: the hash over the leaves from `index << level` up to `(index + 1) << level`, none missing."""


class ProofInvalid(Exception):
    """The proof does not prove it; the message says what does not fit."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of an entry (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side. Raises ValueError when one is not 32 bytes."""
    if len(left) != HASH_BYTES or len(right) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(left)} and {len(right)}")
    return sha256(b"\x01" + left + right).digest()


def parents(hashes: bytes) -> bytes:
    """The level above these hashes, which stand without gaps. Raises ValueError unless they come in pairs."""
    if len(hashes) % (2 * HASH_BYTES):
        raise ValueError(f"{len(hashes)} bytes are not pairs of hashes")
    return b"".join([sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, len(hashes), 64)])


def subtree(hashes: bytes) -> bytes:
    """The root over these hashes, whose number is a power of two. Raises ValueError when it is not."""
    if not hashes:
        raise ValueError("a complete subtree has at least one leaf")
    while len(hashes) > HASH_BYTES:
        hashes = parents(hashes)
    if len(hashes) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(hashes)}")
    return hashes


class Peaks:
    """A tree as its complete subtrees, the largest first: all that it takes to grow it and to know its root."""

    def __init__(self, peaks: Iterable[tuple[int, bytes]] = ()) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []
        for level, peak in peaks:
            self.append(peak, level)

    def append(self, added: bytes, level: int = 0) -> None:
        """Add a leaf hash, or the root of `2**level` leaves.

        Raises:
            ValueError: it is not 32 bytes, or subtrees smaller than it stand before it.
        """
        if len(added) != HASH_BYTES:
            raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(added)}")
        if self.size & ((1 << level) - 1):
            raise ValueError(f"a subtree of {1 << level} leaves cannot stand at {self.size}")
        self.size += 1 << level
        while self._peaks and self._peaks[-1][0] == level:
            added = node_hash(self._peaks.pop()[1], added)
            level += 1
        self._peaks.append((level, added))

    def extend(self, hashes: bytes) -> None:
        """Add leaf hashes, one after the other without gaps. Raises ValueError as `append` does."""
        for at in range(0, len(hashes), HASH_BYTES):
            self.append(hashes[at : at + HASH_BYTES])

    def root(self) -> bytes:
        """The root over everything added; `EMPTY_ROOT` over nothing."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1][1]
        for _, peak in self._peaks[-2::-1]:
            root = node_hash(peak, root)
        return root

    def peaks(self) -> list[tuple[int, bytes]]:
        """Level and hash of each complete subtree, the largest first."""
        return list(self._peaks)

    def copy(self) -> "Peaks":
        """The same tree, to grow another way."""
        other = Peaks()
        other.size, other._peaks = self.size, list(self._peaks)
        return other


def peaks_of(size: int, node: Node) -> Peaks:
    """The tree of the first `size` leaves."""
    return Peaks((level, node(level, start >> level)) for level, start in _complete(0, size))


def root_of(size: int, node: Node) -> bytes:
    """The root over the first `size` leaves."""
    return peaks_of(size, node).root()


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162, 2.1.3.1. Raises ValueError when the tree has no such leaf."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    start, stop, path = 0, size, []
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_range_root(middle, stop, node))
            stop = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """PROOF(first, D[second]) of RFC 9162, 2.1.4.1; empty when the sizes are equal or `first` is 0.

    Raises:
        ValueError: the first tree is larger than the second.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} leaves does not contain one of {first}")
    start, stop, path = 0, second, []
    while 0 < first < stop:
        middle = start + _split(stop - start)
        if first <= middle:
            path.append(_range_root(middle, stop, node))
            stop = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    if start:
        path.append(_range_root(start, stop, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that this leaf hash stands at `index` (RFC 9162, 2.1.3.2). Raises ProofInvalid when it does not."""
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofInvalid(f"a tree of {size} leaves has no leaf {index}")
    place, last, reached = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise ProofInvalid("the proof is longer than the tree is high")
        if place & 1 or place == last:
            reached = node_hash(step, reached)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            reached = node_hash(reached, step)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofInvalid("the proof ends below the root")
    if reached != root:
        raise ProofInvalid("the proof leads to another root")


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the second tree only adds to the first (RFC 9162, 2.1.4.2). Raises ProofInvalid when it does not.

    The RFC leaves size 0 out. Here the empty tree is the beginning of every tree, its root is `EMPTY_ROOT`, and its
    proof is empty, as is the proof between trees of one size.
    """
    _check_hashes(first_root, second_root, *proof)
    if not 0 <= first <= second:
        raise ProofInvalid(f"a tree of {second} leaves does not contain one of {first}")
    for size, root in ((first, first_root), (second, second_root)):
        if size == 0 and root != EMPTY_ROOT:
            raise ProofInvalid("the root of an empty tree is the hash of nothing")
    if first in (0, second):
        if proof:
            raise ProofInvalid("between these sizes the proof is empty")
        if first and first_root != second_root:
            raise ProofInvalid("two roots for one size")
        return
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        raise ProofInvalid("the proof is empty")
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for step in path[1:]:
        if last == 0:
            raise ProofInvalid("the proof is longer than the tree is high")
        if place & 1 or place == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, step)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofInvalid("the proof ends below the root")
    if before != first_root:
        raise ProofInvalid("the proof leads to another first root")
    if after != second_root:
        raise ProofInvalid("the proof leads to another second root")


def _check_hashes(*hashes: bytes) -> None:
    for one in hashes:
        if len(one) != HASH_BYTES:
            raise ProofInvalid(f"a hash has {HASH_BYTES} bytes, not {len(one)}")


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _complete(start: int, stop: int) -> Iterable[tuple[int, int]]:
    """The complete subtrees of a range that begins where a tree can: level and first leaf, the largest first."""
    while start < stop:
        level = (stop - start).bit_length() - 1
        yield level, start
        start += 1 << level


def _range_root(start: int, stop: int, node: Node) -> bytes:
    tree = Peaks()
    for level, at in _complete(start, stop):
        tree.append(node(level, at >> level), level)
    return tree.root()
