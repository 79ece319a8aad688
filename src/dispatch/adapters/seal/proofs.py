"""Proofs as files: that an event is in a checkpoint (C2SP tlog-proof), and that a checkpoint only adds to another."""

from base64 import b64encode
from collections.abc import Sequence

import msgspec

from dispatch.adapters.seal.leaves import hash_rows, leaf_data
from dispatch.domain.checkpoint import Checkpoint
from dispatch.domain.merkle import (
    Node,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)

INCLUSION = "c2sp.org/tlog-proof@v1"
CONSISTENCY = "dispatch-consistency-v1"


def inclusion_file(row: bytes, index: int, checkpoint: Checkpoint, note: str, node: Node) -> str:
    """The proof of a stored row, with its canonical bytes as extra data. Raises ProofInvalid when there is none."""
    proof = inclusion_proof(index, checkpoint.size, node)
    verify_inclusion(hash_rows([row])[0], index, checkpoint.size, proof, checkpoint.root)
    lines = [INCLUSION, f"extra {b64encode(leaf_data(row)).decode()}", f"index {index}", *base64_lines(proof)]
    return "\n".join(lines) + f"\n\n{note}"


def consistency_file(first: tuple[Checkpoint, str], second: tuple[Checkpoint, str], node: Node) -> str:
    """The proof between two checkpoints and their notes. Raises ProofInvalid when there is none."""
    (before, first_note), (after, second_note) = first, second
    proof = consistency_proof(before.size, after.size, node)
    verify_consistency(before.size, after.size, before.root, after.root, proof)
    made = {"format": CONSISTENCY, "first": first_note, "second": second_note, "proof": base64_lines(proof)}
    return msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"


def base64_lines(hashes: Sequence[bytes]) -> list[str]:
    """Hashes for people and files."""
    return [b64encode(one).decode() for one in hashes]
