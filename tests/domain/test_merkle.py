"""The Merkle tree against the RFC's own definitions, and proofs that must never verify."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_tree
from dispatch.domain.merkle import (
    EMPTY_ROOT,
    Node,
    Peaks,
    ProofInvalid,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    parents,
    peaks_of,
    root_of,
    subtree,
    verify_consistency,
    verify_inclusion,
)

SIZE_MAX = 70
ENTRIES = [b"entry %d" % number for number in range(SIZE_MAX)]
sizes = st.integers(0, SIZE_MAX)


def stored(size: int) -> Node:
    """The complete subtrees of a tree, by the RFC's definition; what the tree does not have is an error."""

    def node(level: int, index: int) -> bytes:
        start, stop = index << level, (index + 1) << level
        assert 0 <= start < stop <= size
        return naive_tree.mth(ENTRIES[start:stop])

    return node


@st.composite
def ranges(draw: Callable) -> tuple[int, int]:
    second = draw(st.integers(1, SIZE_MAX))
    return draw(st.integers(0, second)), second


@st.composite
def leaves(draw: Callable) -> tuple[int, int]:
    size = draw(st.integers(1, SIZE_MAX))
    return draw(st.integers(0, size - 1)), size


@pytest.mark.parametrize("size", range(SIZE_MAX + 1))
def test_the_root_is_that_of_the_definition(size: int):
    grown = Peaks()
    grown.extend(b"".join(leaf_hash(entry) for entry in ENTRIES[:size]))
    assert grown.size == size
    assert grown.root() == root_of(size, stored(size)) == naive_tree.mth(ENTRIES[:size])


def test_the_empty_tree_has_the_hash_of_nothing():
    assert Peaks().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(leaves())
def test_inclusion_proofs_are_those_of_the_definition_and_verify(leaf: tuple[int, int]):
    index, size = leaf
    proof = inclusion_proof(index, size, stored(size))
    assert proof == naive_tree.path(index, ENTRIES[:size])
    verify_inclusion(leaf_hash(ENTRIES[index]), index, size, proof, naive_tree.mth(ENTRIES[:size]))


@given(ranges())
def test_consistency_proofs_are_those_of_the_definition_and_verify(sizes: tuple[int, int]):
    first, second = sizes
    proof = consistency_proof(first, second, stored(second))
    assert proof == (naive_tree.proof(first, ENTRIES[:second]) if first else [])
    verify_consistency(first, second, naive_tree.mth(ENTRIES[:first]), naive_tree.mth(ENTRIES[:second]), proof)


def mutated(proof: list[bytes], draw: Callable) -> list[bytes]:
    """The proof with one step changed, removed, doubled, swapped, cut short, or one more."""
    other = draw(st.binary(min_size=32, max_size=32))
    at = draw(st.integers(0, max(0, len(proof) - 1)))
    changes = [[*proof, other], [*proof[:at], other, *proof[at:]]]
    if proof:
        changes += [
            [*proof[:at], other, *proof[at + 1 :]],
            proof[:at] + proof[at + 1 :],
            [*proof[: at + 1], *proof[at:]],
            [*proof[:at], proof[at][:-1], *proof[at + 1 :]],
            [*proof[:at], bytes(a ^ (0x10 * (n == 7)) for n, a in enumerate(proof[at])), *proof[at + 1 :]],
            proof[::-1],
        ]
    return draw(st.sampled_from([change for change in changes if change != proof]))


@given(leaves(), st.data())
@settings(max_examples=300)
def test_a_changed_inclusion_proof_never_verifies(leaf: tuple[int, int], data: st.DataObject):
    index, size = leaf
    root, entry = naive_tree.mth(ENTRIES[:size]), leaf_hash(ENTRIES[index])
    proof = mutated(naive_tree.path(index, ENTRIES[:size]), data.draw)
    with pytest.raises(ProofInvalid):
        verify_inclusion(entry, index, size, proof, root)


@given(leaves(), st.data())
def test_a_good_inclusion_proof_proves_nothing_else(leaf: tuple[int, int], data: st.DataObject):
    index, size = leaf
    root, entry = naive_tree.mth(ENTRIES[:size]), leaf_hash(ENTRIES[index])
    proof = naive_tree.path(index, ENTRIES[:size])
    other = data.draw(st.integers(-2, size + 2).filter(lambda other: other != index))
    with pytest.raises(ProofInvalid):
        verify_inclusion(entry, other, size, proof, root)
    with pytest.raises(ProofInvalid):
        verify_inclusion(leaf_hash(b"another"), index, size, proof, root)
    with pytest.raises(ProofInvalid):
        verify_inclusion(entry, index, size, proof, leaf_hash(b"another"))


@given(ranges().filter(lambda sizes: 0 < sizes[0] < sizes[1]), st.data())
@settings(max_examples=300)
def test_a_changed_consistency_proof_never_verifies(sizes: tuple[int, int], data: st.DataObject):
    first, second = sizes
    roots = naive_tree.mth(ENTRIES[:first]), naive_tree.mth(ENTRIES[:second])
    proof = mutated(naive_tree.proof(first, ENTRIES[:second]), data.draw)
    with pytest.raises(ProofInvalid):
        verify_consistency(first, second, *roots, proof)


@given(ranges(), st.integers(0, SIZE_MAX - 1))
def test_a_rewritten_beginning_is_never_consistent(sizes: tuple[int, int], rewritten: int):
    first, second = sizes
    entries = [entry if number != rewritten else b"forged" for number, entry in enumerate(ENTRIES[:second])]
    before, after = naive_tree.mth(ENTRIES[:first]), naive_tree.mth(entries)
    proof = naive_tree.proof(first, entries) if first else []
    if rewritten < first:
        with pytest.raises(ProofInvalid):
            verify_consistency(first, second, before, after, proof)
    else:
        verify_consistency(first, second, before, after, proof)


@pytest.mark.parametrize(
    ("first", "second", "roots", "proof"),
    [
        (0, 5, (leaf_hash(b"x"), naive_tree.mth(ENTRIES[:5])), []),
        (0, 0, (EMPTY_ROOT, leaf_hash(b"x")), []),
        (0, 5, (EMPTY_ROOT, naive_tree.mth(ENTRIES[:5])), [leaf_hash(b"x")]),
        (3, 3, (leaf_hash(b"x"), leaf_hash(b"y")), []),
        (3, 3, (leaf_hash(b"x"), leaf_hash(b"x")), [leaf_hash(b"x")]),
        (5, 3, (leaf_hash(b"x"), leaf_hash(b"x")), []),
        (-1, 3, (leaf_hash(b"x"), leaf_hash(b"x")), []),
        (2, 3, (leaf_hash(b"x"), leaf_hash(b"x")), []),
        (3, 4, (leaf_hash(b"x"), leaf_hash(b"x")), []),
        (3, 3, (b"", b""), []),
        (0, 0, (b"", b""), []),
    ],
)
def test_degenerate_consistency_is_refused(first: int, second: int, roots: tuple[bytes, bytes], proof: list[bytes]):
    with pytest.raises(ProofInvalid):
        verify_consistency(first, second, *roots, proof)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (0, 7), (7, 7)])
def test_degenerate_consistency_that_holds(first: int, second: int):
    roots = naive_tree.mth(ENTRIES[:first]), naive_tree.mth(ENTRIES[:second])
    verify_consistency(first, second, *roots, [])


def test_an_empty_tree_includes_nothing():
    with pytest.raises(ProofInvalid):
        verify_inclusion(EMPTY_ROOT, 0, 0, [], EMPTY_ROOT)
    with pytest.raises(ValueError, match="no leaf 0"):
        inclusion_proof(0, 0, stored(0))
    with pytest.raises(ValueError, match="does not contain"):
        consistency_proof(3, 2, stored(2))


@pytest.mark.parametrize("wrong", [b"", b"x" * 31, b"x" * 33])
def test_a_hash_has_32_bytes(wrong: bytes):
    right = leaf_hash(b"")
    for call in (
        lambda: Peaks().append(wrong),
        lambda: node_hash(wrong, right),
        lambda: node_hash(right, wrong),
        lambda: parents(right + right + wrong + b"x"),
        lambda: subtree(wrong),
    ):
        with pytest.raises(ValueError, match=r"bytes|leaf"):
            call()
    with pytest.raises(ProofInvalid):
        verify_inclusion(wrong, 0, 1, [], wrong)
    with pytest.raises(ProofInvalid):
        verify_inclusion(right, 0, 2, [wrong], right)


@given(sizes, st.integers(0, 6))
def test_whole_subtrees_are_added_where_they_can_stand(size: int, level: int):
    tree = peaks_of(size, stored(size))
    added = subtree(b"".join(leaf_hash(entry) for entry in ENTRIES[: 1 << level]))
    if size % (1 << level):
        with pytest.raises(ValueError, match="cannot stand"):
            tree.append(added, level)
    else:
        tree.append(added, level)
        assert tree.root() == naive_tree.mth([*ENTRIES[:size], *ENTRIES[: 1 << level]])


def test_three_leaves_are_no_complete_subtree():
    with pytest.raises(ValueError, match="pairs"):
        subtree(leaf_hash(b"x") * 3)


def test_a_copy_grows_on_its_own():
    tree = Peaks()
    tree.append(leaf_hash(ENTRIES[0]))
    other = tree.copy()
    other.append(leaf_hash(ENTRIES[1]))
    assert (tree.size, tree.root()) == (1, naive_tree.mth(ENTRIES[:1]))
    assert other.root() == naive_tree.mth(ENTRIES[:2])
