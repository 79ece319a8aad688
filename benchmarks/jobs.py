"""Jobs of realistic size as events, and the same events as rows of the library's table."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from dispatch.adapters.codec import encode
from dispatch.application.intake.profiles import profile_named
from dispatch.application.ports.ledger import Append, Cause
from dispatch.domain.batch.events import ChunkAdmitted
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.events import Event
from dispatch.domain.identity import batch_id, command_id, job_ids
from dispatch.domain.job.commands import Done, RecordOutcome
from dispatch.domain.job.events import JobOpened, StageCompleted
from dispatch.domain.person import Person
from dispatch.domain.retry import RetryPolicy

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BATCH = batch_id("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
CAUSE = Cause(command_id=command_id(BATCH, "benchmark"), correlation_id=BATCH, actor="benchmark")
ROUTE = profile_named("service-job").route
_job_id = job_ids(BATCH, NOON)
_RETRY = RetryPolicy()
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"

StoredRow = tuple[UUID, int, str, bytes]  # Stream, version, topic, state.


def opened(count: int) -> list[JobOpened]:
    """New jobs with everything that a row of the sample file has."""
    return [
        JobOpened(
            job_id=_job_id(row),
            at=NOON,
            batch_id=BATCH,
            row=row,
            reference=f"SJ-2026-{row:06d}",
            service="gas_safety_certificate",
            price_pence=7500,
            route=ROUTE,
            person=Person(
                name="Eleanor Walker-Hughes",
                email=f"eleanorwalkerhughes{row}@example.com",
                phone="+447700900123",
                address="102 Springfield Road, Nottingham",
                postcode="NG9 6QR",
            ),
            permission=Permission(basis=Basis.CONSENT, consent_on=date(2026, 3, 14), statement="web-form-v3"),
            details={"preferred_date": "2026-12-11", "notes": "Gate is locked: use the back lane"},
        )
        for row in range(1, count + 1)
    ]


def under_way(job: JobOpened) -> list[Event]:
    """The four events of a job that is due at its fourth stage."""
    outputs = (
        {"validation_notes": "Valid"},
        {"job_number": f"SJ-20261123-{BATCH[:6].upper()}-{job.row:05d}"},
        {"slots": ["2026-12-11 08:00-10:00", "2026-12-12 10:00-12:00", "2026-12-14 13:00-15:00"]},
    )
    return [
        job,
        *(
            StageCompleted(job_id=job.job_id, at=NOON, stage=stage, attempt=1, next_stage=following, output=output)
            for stage, following, output in zip(ROUTE, ROUTE[1:], outputs, strict=False)
        ),
    ]


def next_step(job_id: str, stage: str = ROUTE[3]) -> RecordOutcome:
    """The command that completes a stage, the fourth one; it makes one event."""
    outcome = Done({"source": "simulator"})
    return RecordOutcome(job_id=job_id, at=NOON, stage=stage, attempt=1, outcome=outcome, retry=_RETRY)


def new_stream(events: Sequence[Event]) -> Append:
    """The append that begins the stream of one job."""
    return Append(events[0].job_id, 0, events, CAUSE)


def marker(chunk: int, row_through: int, jobs: int) -> Append:
    """What an import records beside each chunk of jobs."""
    event = ChunkAdmitted(batch_id=BATCH, at=NOON, chunk=chunk, row_through=row_through, jobs=jobs, duplicates=0)
    return Append(BATCH, chunk - 1, [event], CAUSE)


def stored_rows(events: Sequence[Event], after: int = 0) -> Iterator[StoredRow]:
    """One stream as rows of the library's table, in our encoding (the library's own takes ten times as long)."""
    for version, event in enumerate(events, after + 1):
        topic, state = encode(event)
        yield UUID(event.job_id), version, topic, state


def copy_row(row: StoredRow) -> bytes:
    """A row of the library's table in binary COPY format (PostgreSQL documentation, COPY, "Binary Format")."""
    stream, version, topic, state = row
    name = topic.encode()
    head = struct.pack(">hi16siqi", 4, 16, stream.bytes, 8, version, len(name))
    return b"".join((head, name, struct.pack(">i", len(state)), state))


def copy_data(encoded: Iterable[bytes]) -> bytes:
    """Encoded rows as everything that one COPY takes."""
    return b"".join((_HEADER, *encoded, _TRAILER))


def chunks(items: Sequence, size: int) -> Iterator[Sequence]:
    """Slices of `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))
