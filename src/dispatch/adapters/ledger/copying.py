"""Rows of the events table in Postgres' binary COPY format (PostgreSQL documentation, COPY, "Binary Format")."""

import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Full, Queue

from dispatch.adapters.codec import encode
from dispatch.adapters.ledger.framing import uuid_bytes
from dispatch.application.ports.ledger import Append, Cause

COLUMNS = ("originator_id", "originator_version", "topic", "state", "actor", "correlation_id", "causation_id")
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
APPENDS_PER_BLOCK = 500
BLOCKS_AHEAD = 3

_LENGTH = struct.Struct(">i").pack
_NULL = _LENGTH(-1)
_STREAM = struct.pack(">hi", len(COLUMNS), 16)  # The number of fields, then the length of the first.
_VERSION = struct.Struct(">iqi").pack  # bigint with its length, then the length of the name


def copy_blocks(appends: Sequence[Append], appends_per_block: int = APPENDS_PER_BLOCK) -> Iterator[bytes]:
    """The COPY data of all events of these new streams, in blocks.

    Raises while iterating:
        ValueError: an append to a stream that is not new, or without events, or an id that is not a UUID.
        TypeError: an event that is not in the registry.
    """
    middles: dict[tuple[int, str], bytes] = {}
    cause: Cause | None = None
    tail = b""
    out = [HEADER]
    for start in range(0, len(appends), appends_per_block):
        for append in appends[start : start + appends_per_block]:
            if append.version or not append.events:
                raise ValueError(f"stream {append.stream} is not new or has no events: a bulk append opens streams")
            if append.cause is not cause:
                cause, tail = append.cause, _cause_fields(append.cause)
            stream = _STREAM + uuid_bytes(append.stream)
            for version, event in enumerate(append.events, 1):
                name, state = encode(event)
                middle = middles.get((version, name))
                if middle is None:
                    middle = middles[version, name] = _VERSION(8, version, len(name.encode())) + name.encode()
                out += (stream, middle, _LENGTH(len(state)), state, tail)
        yield b"".join(out)
        out = []
    yield b"".join((*out, TRAILER))


@contextmanager
def encoded_ahead(blocks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """The same blocks, encoded by a thread while earlier ones travel; what encoding raises is raised at its block.

    The thread starts at once and stays BLOCKS_AHEAD in front: the first blocks are there before a lock is taken.
    """
    ready: Queue[bytes | BaseException | None] = Queue(BLOCKS_AHEAD)
    over = threading.Event()

    def put(item: bytes | BaseException | None) -> bool:
        while not over.is_set():
            with suppress(Full):
                ready.put(item, timeout=0.1)
                return True
        return False

    def encode_all() -> None:
        try:
            for block in blocks:
                if not put(block):
                    return
            put(None)
        except BaseException as error:
            put(error)

    def taken() -> Iterator[bytes]:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    encoder = threading.Thread(target=encode_all, name="encode-ahead", daemon=True)
    encoder.start()
    try:
        yield taken()
    finally:
        over.set()
        encoder.join()


def _cause_fields(cause: Cause) -> bytes:
    return _text(cause.actor) + _uuid(cause.correlation_id) + _uuid(cause.command_id)


def _text(value: str) -> bytes:
    if not value:
        return _NULL
    data = value.encode()
    return _LENGTH(len(data)) + data


def _uuid(value: str) -> bytes:
    return _LENGTH(16) + uuid_bytes(value) if value else _NULL
