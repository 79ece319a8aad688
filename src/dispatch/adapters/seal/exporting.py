"""An export: entries as they are stored, the checkpoints over them, and what ties them to the whole tree (NDJSON)."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import psycopg

from dispatch.adapters.seal.leaves import entry_of, read_rows
from dispatch.adapters.seal.notes import PublicKey
from dispatch.adapters.seal.proofs import base64_lines
from dispatch.adapters.seal.tiles import Tiles
from dispatch.application.ports.evidence import Entry
from dispatch.domain.checkpoint import Checkpoint
from dispatch.domain.merkle import consistency_proof, peaks_of

FORMAT = "dispatch-export-v1"
BETWEEN = "SELECT note FROM ledger.seal_checkpoints WHERE size > %s AND size <= %s ORDER BY size"
TOLD_EVERY = 1_000


def write_export(
    connection: psycopg.Connection[Any],
    path: Path,
    stretch: range,
    signed: tuple[Checkpoint, str],
    keys: tuple[Sequence[PublicKey], Sequence[str]],
    on_progress: Callable[[int, int], None],
) -> int:
    """Write the events of a stretch of the tree that the checkpoint covers. Raises TileMissing, OSError."""
    tiles, (checkpoint, note) = Tiles(connection), signed
    public, rotations = keys
    head = {
        "kind": "export",
        "format": FORMAT,
        "origin": checkpoint.origin,
        "first_index": stretch.start,
        "peaks": base64_lines([peak for _, peak in peaks_of(stretch.start, tiles.node).peaks()]),
        "keys": [key.text() for key in public],
        "rotations": list(rotations),
    }
    tail = {
        "kind": "proof",
        "size": stretch.stop,
        "consistency": base64_lines(consistency_proof(stretch.stop, checkpoint.size, tiles.node)),
        "checkpoint": note,
    }
    after, last = tiles.position_of(stretch.start) - 1, tiles.position_of(stretch.stop - 1)
    between = connection.execute(BETWEEN, (stretch.start, stretch.stop)).fetchall()
    with path.open("wb") as file:
        _write(file, head)
        for (inside,) in between:
            _write(file, {"kind": "checkpoint", "note": inside})
        count = 0
        for count, row in enumerate(read_rows(connection, after, through=last), 1):
            _write(file, {"kind": "entry", **entry_line(entry_of(row))})
            if count % TOLD_EVERY == 0:
                on_progress(count, len(stretch))
        _write(file, tail)
    on_progress(count, len(stretch))
    return count


def entry_line(entry: Entry) -> dict[str, object]:
    """An entry in JSON, from which its canonical bytes can be made again; the state is text where it is UTF-8."""
    line: dict[str, object] = {
        "position": entry.position,
        "stream": entry.stream,
        "version": entry.version,
        "name": entry.name,
        "recorded_at": f"{entry.recorded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "actor": entry.actor,
        "correlation_id": entry.correlation_id,
        "causation_id": entry.causation_id,
    }
    try:
        line["state"] = entry.state.decode()
    except UnicodeDecodeError:
        line["state_base64"] = b64encode(entry.state).decode()
    return line


def _write(file: BinaryIO, line: dict[str, Any]) -> None:
    file.write(msgspec.json.encode(line) + b"\n")
