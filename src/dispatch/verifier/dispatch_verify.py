"""Checks what dispatch has signed, without dispatch and without its database: one file, Python 3.11 and `cryptography`.

    python dispatch_verify.py checkpoint latest.txt --key KEY
    python dispatch_verify.py proof event.tlog-proof --key KEY
    python dispatch_verify.py consistency grown.json --key KEY
    python dispatch_verify.py export ledger.ndjson --key KEY --checkpoint kept.txt

KEY is a public key (NAME+ID+BASE64) or a file that holds one a line; get it from somebody you trust, not from the
files that you check. Exit codes: 0 it holds, 1 it does not, 2 it cannot be checked. The formats are those of C2SP
(signed-note, tlog-checkpoint, tlog-proof), RFC 9162 section 2.1, and docs/ledger_format.md of dispatch.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import struct
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROOF = "c2sp.org/tlog-proof@v1"
CONSISTENCY = "dispatch-consistency-v1"
EXPORT = "dispatch-export-v1"
ROTATION = "seal-key-rotation-v1"


class Refuted(Exception):
    """What was to be checked does not hold."""


class Unusable(Exception):
    """It cannot be checked: the key or the file is not what it must be."""


class Key(NamedTuple):
    """A public key under its name."""

    name: str
    key_id: bytes
    public: bytes


class Checkpoint(NamedTuple):
    """The log had `size` events, and this was the root over them."""

    origin: str
    size: int
    root: bytes


# --- Keys and notes (C2SP signed-note) ---


def parse_key(text: str) -> Key:
    """`NAME+ID+BASE64`, an Ed25519 key. Raises Unusable."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        data = b""
    if not name or len(data) != 33 or data[0] != 1:
        raise Unusable(f"{text.strip()[:80]!r} is not a public key: NAME+ID+BASE64")
    key = Key(name, hashlib.sha256(name.encode() + b"\n" + data).digest()[:4], data[1:])
    if key.key_id.hex() != key_id:
        raise Unusable(f"the id {key_id} does not belong to the key {name}")
    return key


def open_note(note: str, keys: Sequence[Key]) -> str:
    """The text that one of the keys has signed. Raises Refuted."""
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise Refuted("not a signed note")
    text += "\n"
    signed = False
    for line in signatures[:-1].split("\n"):
        match = re.fullmatch(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+=*)", line)
        try:
            data = base64.b64decode(match[2], validate=True) if match else b""
        except binascii.Error:
            data = b""
        if match is None or len(data) <= 4:
            raise Refuted("a line of the note is not a signature")
        for key in keys:
            if (key.name, key.key_id) == (match[1], data[:4]):
                try:
                    Ed25519PublicKey.from_public_bytes(key.public).verify(data[4:], text.encode())
                except InvalidSignature:
                    raise Refuted(f"the signature of {key.name} is wrong: the text was changed") from None
                signed = True
    if not signed:
        raise Refuted("none of the given keys has signed it")
    return text


def open_checkpoint(note: str, keys: Sequence[Key]) -> Checkpoint:
    """The checkpoint (C2SP tlog-checkpoint) that one of the keys has signed for its own log. Raises Refuted."""
    lines = open_note(note, keys).split("\n")
    if len(lines) < 4 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1], re.ASCII):
        raise Refuted("the signed text is not a checkpoint")
    if lines[0] not in {key.name for key in keys}:
        raise Refuted(f"it is a checkpoint of {lines[0]}, not of the log of the key")
    return Checkpoint(lines[0], int(lines[1]), _hash(lines[2]))


def follow_rotations(keys: Sequence[Key], notes: Iterable[str]) -> list[Key]:
    """The keys, and those that rotations tie to them: each rotation is signed by the old key and the new one."""
    known, links = list(keys), []
    for note in notes:
        lines = note.split("\n")
        try:
            old, new = parse_key(lines[2].removeprefix("from ")), parse_key(lines[3].removeprefix("to "))
            texts = {open_note(note, [old]), open_note(note, [new])}
        except (IndexError, Unusable, Refuted):
            continue
        if texts == {"\n".join([old.name, ROTATION, *lines[2:4], ""])}:
            links.append((old, new))
    for _ in links:
        for old, new in links:
            if (old in known) != (new in known):
                known.append(new if old in known else old)
    return known


# --- Trees (RFC 9162, section 2.1) ---


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree: the roots of its complete subtrees, the largest first."""

    def __init__(self, size: int, peaks: Sequence[bytes]) -> None:
        levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
        if len(levels) != len(peaks):
            raise Refuted(f"a tree of {size} events has {len(levels)} peaks, not {len(peaks)}")
        self.size, self._peaks = size, list(zip(levels, peaks, strict=True))

    def append(self, leaf: bytes) -> None:
        level = 0
        while self._peaks and self._peaks[-1][0] == level:
            leaf, level = node_hash(self._peaks.pop()[1], leaf), level + 1
        self._peaks.append((level, leaf))
        self.size += 1

    def root(self) -> bytes:
        hashes = [peak for _, peak in self._peaks]
        if not hashes:
            return hashlib.sha256(b"").digest()
        root = hashes.pop()
        while hashes:
            root = node_hash(hashes.pop(), root)
        return root


def root_from(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root to which PATH(index, D[size]) of RFC 9162, 2.1.3.1, leads. Raises Refuted."""
    if not 0 <= index < size or (size == 1) != (not path):
        raise Refuted(f"this is no proof for event {index} of {size}")
    if size == 1:
        return leaf
    k = 1 << ((size - 1).bit_length() - 1)
    if index < k:
        return node_hash(root_from(leaf, index, k, path[:-1]), path[-1])
    return node_hash(path[-1], root_from(leaf, index - k, size - k, path[:-1]))


def roots_from(first: int, second: int, path: Sequence[bytes], known: bytes | None) -> tuple[bytes, bytes]:
    """The two roots to which SUBPROOF of RFC 9162, 2.1.4.1, leads; `known` is the first root while it is a subtree."""
    if first == second:
        if len(path) != (known is None):
            raise Refuted("the proof is too long or too short")
        root = path[0] if known is None else known
        return root, root
    if not path:
        raise Refuted("the proof is too short")
    k = 1 << ((second - 1).bit_length() - 1)
    if first <= k:
        before, after = roots_from(first, k, path[:-1], known)
        return before, node_hash(after, path[-1])
    before, after = roots_from(first - k, second - k, path[:-1], None)
    return node_hash(path[-1], before), node_hash(path[-1], after)


def check_consistency(first: Checkpoint, second: Checkpoint, proof: Sequence[bytes]) -> None:
    """The second tree only adds to the first; the empty tree is the beginning of every tree. Raises Refuted."""
    if first.size > second.size:
        raise Refuted(f"the first checkpoint ({first.size} events) is larger than the second ({second.size})")
    if first.size == 0:
        roots = (hashlib.sha256(b"").digest(), second.root) if not proof else (b"", b"")
    else:
        roots = roots_from(first.size, second.size, proof, first.root)
    if roots != (first.root, second.root):
        raise Refuted("the second checkpoint does not only add to the first: history was rewritten")


# --- Events (docs/ledger_format.md) ---


def leaf_data(entry: dict[str, Any]) -> bytes:
    """The canonical bytes of an entry of an export. Raises Refuted."""
    try:
        at = datetime.strptime(entry["recorded_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        microseconds = (at - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        state = base64.b64decode(entry["state_base64"]) if "state_base64" in entry else entry["state"].encode()
        fields = (
            struct.pack(">q", entry["position"]),
            UUID(entry["stream"]).bytes,
            struct.pack(">q", entry["version"]),
            entry["name"].encode(),
            struct.pack(">q", microseconds),
            None if entry["actor"] is None else entry["actor"].encode(),
            None if entry["correlation_id"] is None else UUID(entry["correlation_id"]).bytes,
            None if entry["causation_id"] is None else UUID(entry["causation_id"]).bytes,
            state,
        )
    except (KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise Refuted(f"an entry is not what an export writes: {error!r}") from error
    parts = [struct.pack(">i", -1) if field is None else struct.pack(">i", len(field)) + field for field in fields]
    return b"".join([b"\x01", struct.pack(">h", len(fields)), *parts])


def describe(data: bytes) -> str:
    """Which event these canonical bytes are. Raises Refuted."""
    try:
        if data[:3] != b"\x01\x00\x09":
            raise Refuted("the canonical bytes are of another version")
        fields, at = [], 3
        for _ in range(9):
            [length] = struct.unpack_from(">i", data, at)
            at += 4
            fields.append(data[at : at + length] if length >= 0 else b"")
            at += max(0, length)
        position, version, micros = (int.from_bytes(fields[n], "big", signed=True) for n in (0, 2, 4))
        stream, name = UUID(bytes=fields[1]), fields[3].decode()
        recorded_at = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    except (struct.error, ValueError, OverflowError) as error:
        raise Refuted(f"the canonical bytes cannot be read: {error}") from error
    return f"{name} at position {position}, version {version} of stream {stream}, recorded {recorded_at.isoformat()}"


# --- Files ---


def verify_checkpoint(text: str, keys: Sequence[Key]) -> str:
    """What a signed checkpoint says. Raises Refuted."""
    checkpoint = open_checkpoint(text, keys)
    return f"{checkpoint.origin} had {checkpoint.size} events under the root {checkpoint.root.hex()}"


def verify_proof(text: str, keys: Sequence[Key]) -> str:
    """What a proof of inclusion proves. Raises Refuted."""
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != PROOF or not lines or not lines[0].startswith("extra "):
        raise Refuted(f"a proof begins with {PROOF} and a line with the event: extra BASE64")
    data = _bytes(lines.pop(0).removeprefix("extra "))
    match = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines.pop(0) if lines else "", re.ASCII)
    if match is None:
        raise Refuted("a proof has a line with the place of the event: index N")
    checkpoint = open_checkpoint(note, keys)
    if root_from(leaf_hash(data), int(match[1]), checkpoint.size, list(map(_hash, lines))) != checkpoint.root:
        raise Refuted("the proof does not lead to the signed root: this is not the event that was sealed")
    return f"{describe(data)}: it is event {match[1]} of {checkpoint.size} that {checkpoint.origin} signed"


def verify_consistency(text: str, keys: Sequence[Key]) -> str:
    """What a proof of consistency proves. Raises Refuted."""
    made = _object(text)
    if made.get("format") != CONSISTENCY:
        raise Refuted(f"not a {CONSISTENCY}")
    first, second = open_checkpoint(str(made.get("first")), keys), open_checkpoint(str(made.get("second")), keys)
    if first.origin != second.origin:
        raise Refuted(f"checkpoints of two logs: {first.origin} and {second.origin}")
    check_consistency(first, second, _hashes(made.get("proof")))
    return f"{second.origin} only grew from {first.size} to {second.size} events: nothing before was changed"


def verify_export(lines: Iterable[str], keys: Sequence[Key], kept: str | None = None) -> str:
    """What an export proves, read line by line; by the checkpoint `kept`, where there is one. Raises Refuted."""
    each = iter(lines)
    head = _object(next(each, ""))
    if head.get("format") != EXPORT or not isinstance(head.get("first_index"), int):
        raise Refuted(f"not a {EXPORT}")
    keys = follow_rotations(keys, map(str, head.get("rotations", [])))
    first = int(head["first_index"])
    tree = Tree(first, _hashes(head.get("peaks")))
    signed: dict[int, bytes] = {}
    position, proof = None, None
    for line in each:
        item = _object(line)
        match item.get("kind"):
            case "checkpoint" if tree.size == first:
                checkpoint = open_checkpoint(str(item.get("note")), keys)
                signed[checkpoint.size] = checkpoint.root
            case "entry" if proof is None:
                tree.append(leaf_hash(leaf_data(item)))
                if position is not None and item["position"] <= position:
                    raise Refuted(f"the entries are out of order at position {item['position']}")
                position = item["position"]
                if signed.get(tree.size, root := tree.root() if tree.size in signed else b"") != root:
                    raise Refuted(
                        f"an entry up to position {position} is not as the checkpoint of {tree.size} signs it"
                    )
            case "proof" if proof is None:
                proof = item
            case kind:
                raise Refuted(f"a line of the kind {kind!r} does not belong there")
    if proof is None:
        raise Refuted("the export ends before its proof: it was cut off")
    if tree.size != proof.get("size") or max(signed, default=0) > tree.size:
        raise Refuted(f"the entries end at event {tree.size}, the export at {proof.get('size')}: some are missing")
    checkpoint = open_checkpoint(str(proof.get("checkpoint")), keys)
    if kept is not None and (held := open_checkpoint(kept, keys)) != checkpoint:
        raise Refuted(
            f"the export proves itself by a checkpoint of {checkpoint.size} events, not by yours: {held.size}"
        )
    check_consistency(
        checkpoint._replace(size=tree.size, root=tree.root()), checkpoint, _hashes(proof.get("consistency"))
    )
    return (
        f"{tree.size - first} events, number {first} to {tree.size - 1} of {checkpoint.size} that {checkpoint.origin}"
        f" signed, and {len(signed)} checkpoints between them"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; answers the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["checkpoint", "proof", "consistency", "export"])
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--key", action="append", required=True, help="a public key, or a file of them; may be repeated"
    )
    parser.add_argument("--checkpoint", type=Path, help="export: the checkpoint that you kept must be what proves it")
    asked = parser.parse_args(arguments)
    try:
        keys = [key for text in asked.key for key in _keys(text)]
        if asked.kind == "export":
            with asked.file.open(encoding="utf-8") as lines:
                kept = asked.checkpoint.read_text(encoding="utf-8") if asked.checkpoint else None
                said = verify_export(lines, keys, kept)
        else:
            check = {"checkpoint": verify_checkpoint, "proof": verify_proof, "consistency": verify_consistency}
            said = check[asked.kind](asked.file.read_text(encoding="utf-8"), keys)
    except Refuted as error:
        sys.stdout.write(f"NOT GOOD: {error}\n")
        return 1
    except (Unusable, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"cannot check: {error}\n")
        return 2
    sys.stdout.write(f"good: {said}\n")
    return 0


def _keys(text: str) -> list[Key]:
    if Path(text).is_file():
        found = [line for line in Path(text).read_text(encoding="utf-8").splitlines() if line.strip()]
        return list(map(parse_key, found))
    return [parse_key(text)]


def _object(text: str) -> dict[str, Any]:
    try:
        made = json.loads(text)
    except ValueError as error:
        raise Refuted(f"not JSON: {error}") from error
    if not isinstance(made, dict):
        raise Refuted("not a JSON object")
    return made


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise Refuted(f"not base64: {error}") from error


def _hash(text: object) -> bytes:
    data = _bytes(text)
    if len(data) != 32:
        raise Refuted(f"a hash has 32 bytes, not {len(data)}")
    return data


def _hashes(texts: object) -> list[bytes]:
    if not isinstance(texts, list):
        raise Refuted("a list of hashes is missing")
    return list(map(_hash, texts))


if __name__ == "__main__":
    sys.exit(main())
