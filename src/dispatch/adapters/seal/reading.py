"""What is stored, as it is: entries by position, stream, name, actor, cause and time."""

from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from dispatch.application.ports.evidence import Entry, EntryQuery

READ = sql.SQL(
    "SELECT notification_id AS position, originator_id::text AS stream, originator_version AS version, topic AS name,"
    " recorded_at, actor, correlation_id::text, causation_id::text, state FROM ledger.stored_events"
    " WHERE {} ORDER BY notification_id {} LIMIT %(limit)s"
)
CHOICES = {
    "stream": "originator_id = %(stream)s::text::uuid",
    "name": "%(name)s IN (topic, split_part(topic, '.', 1))",
    "actor": "actor = %(actor)s",
    "command": "causation_id = %(command)s::text::uuid",
    "correlation": "correlation_id = %(correlation)s::text::uuid",
    "since": "recorded_at >= %(since)s",
    "until": "recorded_at < %(until)s",
    "after": "notification_id > %(after)s",
    "through": "notification_id <= %(through)s",
}


def read_entries(connection: psycopg.Connection[Any], query: EntryQuery) -> list[Entry]:
    """The entries that are wanted, in order. Raises psycopg.DataError for a stream that is not a UUID."""
    chosen = [sql.SQL(text) for name, text in CHOICES.items() if getattr(query, name)]
    where = sql.SQL(" AND ").join(chosen) if chosen else sql.SQL("true")
    order = sql.SQL("DESC" if query.newest_first else "ASC")
    asked = {name: getattr(query, name) for name in (*CHOICES, "limit")}
    with connection.cursor(row_factory=class_row(Entry), binary=True) as cursor:
        found = cursor.execute(READ.format(where, order), asked).fetchall()
    return found[::-1] if query.newest_first else found
