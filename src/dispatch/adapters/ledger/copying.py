"""Rows of the events table in Postgres' binary COPY format (PostgreSQL documentation, COPY, "Binary Format")."""

import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Full, Queue

from dispatch.adapters.codec import encode, encode_parts, stored_name
from dispatch.adapters.ledger.framing import uuid_bytes, uuids_bytes
from dispatch.application.ports.ledger import Append, Cause, NewJobs
from dispatch.domain.job.events import JobOpened
from dispatch.domain.person import Person

COLUMNS = ("originator_id", "originator_version", "topic", "state", "actor", "correlation_id", "causation_id")
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
APPENDS_PER_BLOCK = 500
BLOCKS_AHEAD = 3

StoredPersons = Callable[[Sequence[bytes], Sequence[Person]], Sequence[bytes]]

_LENGTH = struct.Struct(">i").pack
_NULL = _LENGTH(-1)
_STREAM = struct.pack(">hi", len(COLUMNS), 16)  # The number of fields, then the length of the first.
_DETAILS = b',"details":'
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


def plain_persons(subjects: Sequence[bytes], persons: Sequence[Person]) -> list[bytes]:
    """Persons as they stand inside of an event, in plain text."""
    return encode_parts(persons)


def copy_new_jobs(jobs: NewJobs, stored: StoredPersons = plain_persons) -> Iterator[bytes]:
    """As `copy_blocks(jobs.appends())`, byte for byte, without an object for each; some three times as fast.

    `stored` makes of ids (16 bytes) and persons what stands in the place of these persons: as JSON, encrypted.

    Raises as `copy_blocks`.
    """
    name = stored_name(JobOpened).encode()
    middle, tail, state_of = _VERSION(8, 1, len(name)) + name, _cause_fields(jobs.cause), _job_template(jobs)
    out, start = [HEADER], 0
    for part in jobs.columns:
        mine = slice(start, start + len(part.persons))
        subjects = uuids_bytes(jobs.job_ids[mine])
        start = mine.stop
        for subject, job_id, row, reference, service, price_pence, person, permission, details in zip(
            subjects,
            encode_parts(jobs.job_ids[mine]),
            jobs.rows[mine],
            encode_parts(part.references),
            encode_parts(part.services),
            part.prices_pence,
            stored(subjects, part.persons),
            encode_parts(part.permissions),
            encode_parts(part.details),
            strict=True,
        ):
            more = b"" if details == b"{}" else _DETAILS + details
            state = state_of % (job_id, row, reference, service, price_pence, person, permission, more)
            out += (_STREAM, subject, middle, _LENGTH(len(state)), state, tail)
        yield b"".join(out)
        out = []
    yield b"".join((*out, TRAILER))


def _job_template(jobs: NewJobs) -> bytes:
    """What `encode` makes of a `JobOpened` of these, with places for the fields that they do not share."""
    tag, at, batch_id, route = encode_parts([JobOpened.__struct_config__.tag, jobs.at, jobs.batch_id, jobs.route])
    shared = b'{"type":%b,"job_id":\0b,"at":%b,"batch_id":%b,"row":\0d,"reference":\0b,"service":\0b,"price_pence":\0d,'
    shared += b'"route":%b,"person":\0b,"permission":\0b\0b}'
    return (shared % (tag, at, batch_id, route)).replace(b"%", b"%%").replace(b"\0", b"%")


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
