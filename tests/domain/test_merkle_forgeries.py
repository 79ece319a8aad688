"""Proofs that were touched never verify: one flipped bit, a truncation, an extension, another size or another index.

Every forgery is tried on our own code and on the verifier that an auditor takes along, which share no line.
"""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import naive_tree
from dispatch.domain.merkle import ProofInvalid, leaf_hash, verify_consistency, verify_inclusion
from dispatch.verifier import dispatch_verify as verifier

SIZE_MAX = 70
ENTRIES = [b"entry %d" % number for number in range(SIZE_MAX)]
ROOTS = [naive_tree.mth(ENTRIES[:size]) for size in range(SIZE_MAX + 1)]
hashes = st.binary(min_size=32, max_size=32)


def ours_includes(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    with suppress(ProofInvalid):
        verify_inclusion(leaf, index, size, proof, root)
        return True
    return False


def theirs_includes(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    with suppress(verifier.Refuted):
        return verifier.root_from(leaf, index, size, proof) == root
    return False


def ours_grows(first: int, second: int, roots: tuple[bytes, bytes], proof: list[bytes]) -> bool:
    with suppress(ProofInvalid):
        verify_consistency(first, second, *roots, proof)
        return True
    return False


def theirs_grows(first: int, second: int, roots: tuple[bytes, bytes], proof: list[bytes]) -> bool:
    before, after = (verifier.Checkpoint("x", *pair) for pair in zip((first, second), roots, strict=True))
    with suppress(verifier.Refuted):
        verifier.check_consistency(before, after, proof)
        return True
    return False


both_include = pytest.mark.parametrize("includes", [ours_includes, theirs_includes])
both_grow = pytest.mark.parametrize("grows", [ours_grows, theirs_grows])


@st.composite
def inclusions(draw: Callable) -> tuple[int, int, list[bytes]]:
    size = draw(st.integers(1, SIZE_MAX))
    index = draw(st.integers(0, size - 1))
    return index, size, naive_tree.path(index, ENTRIES[:size])


@st.composite
def growths(draw: Callable) -> tuple[int, int, list[bytes]]:
    second = draw(st.integers(2, SIZE_MAX))
    first = draw(st.integers(1, second - 1))
    return first, second, naive_tree.proof(first, ENTRIES[:second])


def with_a_flipped_bit(proof: list[bytes], draw: Callable) -> list[bytes]:
    bit = draw(st.integers(0, len(proof) * 256 - 1))
    joined = bytearray(b"".join(proof))
    joined[bit // 8] ^= 1 << bit % 8
    return [bytes(joined[at : at + 32]) for at in range(0, len(joined), 32)]


def extended(proof: list[bytes], draw: Callable) -> list[bytes]:
    more = draw(st.lists(hashes, min_size=1, max_size=8))
    at = draw(st.integers(0, len(proof)))
    return [*proof[:at], *more, *proof[at:]]


@both_include
@given(inclusions(), st.data())
@settings(max_examples=200)
def test_any_flipped_bit_undoes_an_inclusion(includes, proven, data):
    index, size, proof = proven
    leaf, root = leaf_hash(ENTRIES[index]), ROOTS[size]
    assert includes(leaf, index, size, proof, root)
    flipped = with_a_flipped_bit([leaf, *proof, root], data.draw)
    assert not includes(flipped[0], index, size, flipped[1:-1], flipped[-1])


@both_include
@given(inclusions(), st.data())
@settings(max_examples=200)
def test_a_longer_or_shorter_path_proves_no_inclusion(includes, proven, data):
    index, size, proof = proven
    leaf = leaf_hash(ENTRIES[index])
    assert not includes(leaf, index, size, extended(proof, data.draw), ROOTS[size])
    for length in range(len(proof)):
        assert not includes(leaf, index, size, proof[:length], ROOTS[size])
        assert not includes(leaf, index, size, proof[length + 1 :], ROOTS[size])


@both_include
@given(inclusions(), st.integers(-2, SIZE_MAX), st.integers(0, SIZE_MAX))
@settings(max_examples=300)
def test_a_path_proves_one_place_in_one_tree(includes, proven, other_index, other_size):
    """The root says which tree: a checkpoint signs size and root together, for the path alone does not fix the size."""
    index, size, proof = proven
    leaf = leaf_hash(ENTRIES[index])
    if other_index != index:
        assert not includes(leaf, other_index, size, proof, ROOTS[size])
    if other_size != size:
        assert not includes(leaf, index, other_size, proof, ROOTS[other_size])


@both_include
@given(inclusions(), inclusions())
def test_the_path_of_another_leaf_proves_nothing(includes, proven, other):
    (index, size, _), (other_index, other_size, other_proof) = proven, other
    assume((index, size) != (other_index, other_size))
    if other_proof != naive_tree.path(index, ENTRIES[:size]):
        assert not includes(leaf_hash(ENTRIES[index]), index, size, other_proof, ROOTS[size])


@both_grow
@given(growths(), st.data())
@settings(max_examples=200)
def test_any_flipped_bit_undoes_a_consistency(grows, proven, data):
    first, second, proof = proven
    assert grows(first, second, (ROOTS[first], ROOTS[second]), proof)
    flipped = with_a_flipped_bit([ROOTS[first], *proof, ROOTS[second]], data.draw)
    assert not grows(first, second, (flipped[0], flipped[-1]), flipped[1:-1])


@both_grow
@given(growths(), st.data())
@settings(max_examples=200)
def test_a_longer_or_shorter_path_proves_no_consistency(grows, proven, data):
    first, second, proof = proven
    roots = ROOTS[first], ROOTS[second]
    assert not grows(first, second, roots, extended(proof, data.draw))
    for length in range(len(proof)):
        assert not grows(first, second, roots, proof[:length])
        assert not grows(first, second, roots, proof[length + 1 :])


@both_grow
@given(growths(), st.integers(0, SIZE_MAX), st.integers(0, SIZE_MAX))
@settings(max_examples=300)
def test_a_consistency_proof_is_between_two_sizes_only(grows, proven, other_first, other_second):
    first, second, proof = proven
    if other_first != first:
        assert not grows(other_first, second, (ROOTS[other_first], ROOTS[second]), proof)
    if other_second != second:
        assert not grows(first, other_second, (ROOTS[first], ROOTS[other_second]), proof)
