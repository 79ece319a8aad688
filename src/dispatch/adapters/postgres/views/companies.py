"""Companies that are reached out to, and their slots: `ops.companies` and `ops.company_slots`. No personal data."""

from collections.abc import Iterator, Sequence
from typing import Any

from dispatch.adapters.postgres.views.view import Cursor, View, batch_of
from dispatch.application.company import (
    CHOOSE,
    COMPLETED,
    ENRICH,
    EXECUTIVE,
    PROMOTE,
    SLOTS,
    VALIDATE,
    VERIFY,
    is_route,
    texts,
)
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.job.events import JobDelivered, JobOpened, StageCompleted, StageFailed

CREATE = """
CREATE TABLE {schema}.companies (
    job_id uuid PRIMARY KEY,
    batch_id uuid NOT NULL,
    website text NOT NULL,
    identifier text NOT NULL DEFAULT '',
    known_before boolean NOT NULL DEFAULT false,
    validation_notes text NOT NULL DEFAULT '',
    validated_at text NOT NULL DEFAULT '',
    slots int NOT NULL DEFAULT 0,
    found int NOT NULL DEFAULT 0,
    chosen text NOT NULL DEFAULT '',  -- the role that is written to; `contact`: the one that the row named
    channel text NOT NULL DEFAULT '',
    sent boolean NOT NULL DEFAULT false,
    delivered boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
CREATE INDEX companies_batch_idx ON {schema}.companies (batch_id, job_id);
CREATE TABLE {schema}.company_slots (
    job_id uuid NOT NULL,
    position int NOT NULL,
    role text NOT NULL,
    slot_type text NOT NULL,
    status text NOT NULL DEFAULT '',         -- completed, not_found; empty: not come to yet
    source text NOT NULL DEFAULT '',
    enriched_at text NOT NULL DEFAULT '',
    email_status text NOT NULL DEFAULT '',   -- verified, skipped
    email_result text NOT NULL DEFAULT '',   -- the verdict, or why nobody was asked
    service text NOT NULL DEFAULT '',
    verified_at text NOT NULL DEFAULT '',
    chosen boolean NOT NULL DEFAULT false,
    PRIMARY KEY (job_id, position)
) WITH (fillfactor = 70);
"""
OPEN = "INSERT INTO {schema}.companies (job_id, batch_id, website) VALUES (%s, %s, %s)"
VALIDATED = "UPDATE {schema}.companies SET validation_notes = %s, validated_at = %s WHERE job_id = %s"
PROMOTED = "UPDATE {schema}.companies SET identifier = %s, known_before = %s WHERE job_id = %s"
COUNT_SLOTS = "UPDATE {schema}.companies SET slots = %s WHERE job_id = %s"
OPEN_SLOT = """
INSERT INTO {schema}.company_slots (job_id, position, role, slot_type) VALUES (%s, %s, %s, %s)
ON CONFLICT (job_id, position) DO UPDATE SET role = excluded.role, slot_type = excluded.slot_type
"""
FOUND = "UPDATE {schema}.companies SET found = %s WHERE job_id = %s"
ENRICHED = """
UPDATE {schema}.company_slots SET status = %s, source = %s, enriched_at = %s WHERE job_id = %s AND position = %s
"""
CHECKED = """
UPDATE {schema}.company_slots SET email_status = %s, email_result = %s, service = %s, verified_at = %s
WHERE job_id = %s AND position = %s
"""
CHOSEN = "UPDATE {schema}.companies SET chosen = %s, channel = %s WHERE job_id = %s"
CHOSEN_SLOT = "UPDATE {schema}.company_slots SET chosen = (position = %s) WHERE job_id = %s"
# A job that is none of a company has no row here, and so nothing happens.
SENT = "UPDATE {schema}.companies SET sent = true WHERE job_id = %s"
DELIVERED = "UPDATE {schema}.companies SET delivered = true WHERE job_id = %s"

Write = tuple[str, tuple[Any, ...]]


class CompaniesView(View):
    """One row per company of the route company-outreach, and one per slot of it."""

    name = "companies"
    version = 1
    home = "ops"
    tables = ("companies", "company_slots")
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        sent: list[str] = []
        delivered: list[str] = []
        writes: list[Write] = []
        for record in recorded:
            match record.event:
                case StageCompleted(stage="dispatch"):
                    sent.append(record.stream)
                case JobDelivered():
                    delivered.append(record.stream)
                case _:
                    pass
            writes += _writes(record)
        if writes:
            with cursor.connection.pipeline():
                for statement, values in writes:
                    cursor.execute(self.sql(statement), values)
        # After the others: of one and the same step a company is opened first.
        for statement, jobs in ((SENT, sent), (DELIVERED, delivered)):
            if jobs:
                cursor.execute(self.sql(statement).replace("= %s", "= ANY(%s::uuid[])"), (jobs,))


def _writes(record: Recorded) -> Iterator[Write]:
    job_id = record.stream
    match record.event:
        case JobOpened(route=route, reference=reference) if is_route(route):
            yield OPEN, (job_id, batch_of(record), reference)
        case StageFailed(stage=stage, message=message) if stage == VALIDATE:
            yield VALIDATED, (message, "", job_id)
        case StageCompleted(stage=stage, output=output):
            match stage:
                case _ if stage == VALIDATE:
                    yield VALIDATED, (output.get("validation_notes", ""), output.get("validated_at", ""), job_id)
                case _ if stage == PROMOTE:
                    yield PROMOTED, (output.get("identifier", ""), output.get("known_before", False), job_id)
                case _ if stage == SLOTS:
                    yield from _slots(job_id, texts(output, "slots"), str(output.get("slot_type", EXECUTIVE)))
                case _ if stage == ENRICH:
                    columns = [texts(output, name) for name in ("status", "source", "enriched_at")]
                    yield FOUND, (columns[0].count(COMPLETED), job_id)
                    yield from list(_each(ENRICHED, columns, job_id))[-1:]  # Those before it came by themselves.
                case _ if stage == VERIFY:
                    columns = [texts(output, name) for name in ("status", "result", "service", "verified_at")]
                    yield from _each(CHECKED, columns, job_id)
                case _ if stage == CHOOSE:
                    yield CHOSEN, (output.get("role", ""), output.get("channel", ""), job_id)
                    yield CHOSEN_SLOT, (output.get("position", 0), job_id)
                case _:
                    pass
        case _:
            pass


def _slots(job_id: str, slots: list[str], slot_type: str) -> Iterator[Write]:
    yield COUNT_SLOTS, (len(slots), job_id)
    for position, slot in enumerate(slots, 1):
        yield OPEN_SLOT, (job_id, position, slot.partition(" ")[2], slot_type)


def _each(statement: str, columns: list[list[str]], job_id: str) -> Iterator[Write]:
    for position, values in enumerate(zip(*columns, strict=False), 1):
        yield statement, (*values, job_id, position)
