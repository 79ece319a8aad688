"""The queue of webhooks and the log of their attempts: tables of their own, followed from the ledger."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.ledger.framing import (
    Array,
    bigint_array,
    bytea_array,
    register_arrays,
    text_array,
    uuid_array,
    uuid_bytes,
)
from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.webhooks import (
    Attempt,
    AttemptRow,
    Message,
    MessageStatus,
    Overtaken,
    Replay,
)

TABLES = ("ops.webhook_cursor", "ops.webhook_endpoints", "ops.webhook_messages", "ops.webhook_attempts")
CREATE = """
CREATE TABLE IF NOT EXISTS ops.webhook_cursor (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    position bigint NOT NULL
);
INSERT INTO ops.webhook_cursor (position) VALUES (0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS ops.webhook_endpoints (
    endpoint_id uuid PRIMARY KEY,
    failing_since timestamptz,
    replay_after bigint,
    replay_until bigint
);
ALTER TABLE ops.webhook_endpoints ADD COLUMN IF NOT EXISTS revision bigint NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS ops.webhook_messages (
    endpoint_id uuid NOT NULL,
    position bigint NOT NULL,
    message_id text NOT NULL,
    body bytea NOT NULL,
    status text NOT NULL DEFAULT 'due',
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    first_at timestamptz,
    settled_at timestamptz,
    PRIMARY KEY (endpoint_id, position)
);
CREATE INDEX IF NOT EXISTS webhook_messages_due ON ops.webhook_messages (endpoint_id, due_at, position)
    WHERE status = 'due';
CREATE TABLE IF NOT EXISTS ops.webhook_attempts (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id uuid NOT NULL,
    position bigint NOT NULL,
    message_id text NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    took_ms double precision NOT NULL,
    http_status integer NOT NULL,
    error text NOT NULL,
    excerpt text NOT NULL,
    message_status text NOT NULL
);
CREATE INDEX IF NOT EXISTS webhook_attempts_endpoint ON ops.webhook_attempts (endpoint_id, attempt_id);
"""
MOVE = "UPDATE ops.webhook_cursor SET position = %s WHERE position = %s"
MEET = """
INSERT INTO ops.webhook_endpoints AS known (endpoint_id) SELECT DISTINCT unnest(%s::text[])::uuid
ON CONFLICT (endpoint_id) DO UPDATE SET revision = known.revision + 1
"""
ASK_AGAIN = """
UPDATE ops.webhook_endpoints
SET replay_after = least(replay_after, %s), replay_until = greatest(replay_until, %s) WHERE endpoint_id = %s
"""
PUT = """
INSERT INTO ops.webhook_messages (endpoint_id, position, message_id, body, due_at)
SELECT *, %s::timestamptz FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::bytea[])
ON CONFLICT (endpoint_id, position) DO
"""
AGAIN = """
UPDATE SET status = 'due', attempts = 0, due_at = excluded.due_at, first_at = NULL, settled_at = NULL,
           body = excluded.body
"""
GO_ON = """
UPDATE ops.webhook_endpoints
SET replay_after = CASE WHEN %(after)s < replay_until THEN %(after)s END,
    replay_until = CASE WHEN %(after)s < replay_until THEN replay_until END
WHERE endpoint_id = %(endpoint_id)s
"""
REPLAYS = """
SELECT endpoint_id::text, replay_after, replay_until FROM ops.webhook_endpoints WHERE replay_until IS NOT NULL
"""
PENDING = """
SELECT id FROM unnest(%s::text[]) AS id
WHERE EXISTS (SELECT FROM ops.webhook_messages AS m WHERE m.endpoint_id = id::uuid AND status = 'due' AND due_at <= %s)
"""
DUE = """
SELECT position, message_id, body, attempts, due_at, first_at FROM ops.webhook_messages
WHERE endpoint_id = %(endpoint_id)s AND status = 'due' AND due_at <= %(now)s
  AND (due_at, position) > (%(due_at)s::timestamptz, %(position)s::bigint)
ORDER BY due_at, position LIMIT %(limit)s
"""
LOG = """
INSERT INTO ops.webhook_attempts
       (endpoint_id, position, message_id, attempt, at, took_ms, http_status, error, excerpt, message_status)
SELECT %s::uuid, position, message_id, attempt, timestamptz 'epoch' + at * interval '1 microsecond', took / 1000.0,
       http_status, error, excerpt, status
FROM unnest(%b::bigint[], %b::text[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::text[], %b::text[],
            %b::text[]) AS new (position, message_id, attempt, at, took, http_status, error, excerpt, status)
"""
# Without `status` in it: by the index of what is due each of these would look through all that is due.
DELIVERED = "DELETE FROM ops.webhook_messages WHERE endpoint_id = %s AND position = ANY(%b::bigint[])"
OTHERS = """
UPDATE ops.webhook_messages AS m
SET status = new.status, attempts = new.attempt, due_at = timestamptz 'epoch' + new.due_at * interval '1 microsecond',
    first_at = coalesce(first_at, timestamptz 'epoch' + new.at * interval '1 microsecond'),
    settled_at = CASE WHEN new.status <> 'due' THEN timestamptz 'epoch' + new.at * interval '1 microsecond' END
FROM (
    SELECT new.*, found.ctid
    FROM unnest(%b::bigint[], %b::bigint[], %b::text[], %b::bigint[], %b::bigint[])
         AS new (position, attempt, status, due_at, at)
    CROSS JOIN LATERAL (
        SELECT ctid FROM ops.webhook_messages WHERE endpoint_id = %s AND position = new.position OFFSET 0
    ) AS found  -- OFFSET: looked up one by one, whatever Postgres believes about a table that grows and shrinks.
) AS new
WHERE m.ctid = new.ctid AND m.status = 'due'
"""
FAILING = """
INSERT INTO ops.webhook_endpoints AS known (endpoint_id, failing_since) VALUES (%s, %s)
ON CONFLICT (endpoint_id) DO UPDATE SET failing_since = coalesce(known.failing_since, excluded.failing_since)
RETURNING failing_since
"""
WELL = "UPDATE ops.webhook_endpoints SET failing_since = NULL WHERE endpoint_id = %s AND failing_since IS NOT NULL"
SHOWN = """
SELECT attempt_id, message_id, position, attempt, at, took_ms, http_status, error, excerpt, message_status
FROM ops.webhook_attempts WHERE endpoint_id = %s AND attempt_id < %s ORDER BY attempt_id DESC LIMIT %s
"""
DROP = "DELETE FROM ops.webhook_messages WHERE endpoint_id = %s AND status = 'due'"
FORGET_MESSAGES = "DELETE FROM ops.webhook_messages WHERE status <> 'due' AND settled_at < %s"
FORGET_ATTEMPTS = "DELETE FROM ops.webhook_attempts WHERE at < %s"
BEGINNING = "-infinity", 0
NO_ATTEMPT_ID = 2**62


class PostgresWebhookQueue:
    """Implements the port `WebhookQueue`. Losing the tables sends everything again, under the same ids."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the tables where they are missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(CREATE)

    def position(self) -> int:
        with transaction(self._pool) as connection:
            [(position,)] = connection.execute("SELECT position FROM ops.webhook_cursor").fetchall()
        return int(position)

    def met(self) -> dict[str, int]:
        with transaction(self._pool) as connection:
            return dict(connection.execute("SELECT endpoint_id::text, revision FROM ops.webhook_endpoints").fetchall())

    def meet(self, endpoint_ids: Sequence[str]) -> None:
        with transaction(self._pool) as connection:
            connection.execute(MEET, (list(endpoint_ids),))

    def put(
        self, after: int, position: int, messages: Sequence[Message], met: Sequence[str], replays: Sequence[Replay]
    ) -> None:
        with transaction(self._pool) as connection:
            if connection.execute(MOVE, (position, after)).rowcount != 1:
                raise Overtaken(position)
            if met:
                connection.execute(MEET, (list(met),))
            for replay in replays:
                connection.execute(ASK_AGAIN, (replay.after, replay.until, replay.endpoint_id))
            _put(connection, messages, "NOTHING")

    def replays(self) -> list[Replay]:
        with transaction(self._pool) as connection:
            return [Replay(*row) for row in connection.execute(REPLAYS)]

    def put_again(self, replay: Replay, messages: Sequence[Message]) -> None:
        with transaction(self._pool) as connection:
            _put(connection, messages, AGAIN)
            connection.execute(GO_ON, {"endpoint_id": replay.endpoint_id, "after": replay.after})

    def pending(self, endpoint_ids: Sequence[str], now: datetime) -> list[str]:
        with transaction(self._pool) as connection:
            return [name for (name,) in connection.execute(PENDING, (list(endpoint_ids), now))]

    def due(self, endpoint_id: str, now: datetime, behind: tuple[datetime, int] | None, limit: int) -> list[Message]:
        due_at, position = behind or BEGINNING
        asked = {"endpoint_id": endpoint_id, "now": now, "due_at": due_at, "position": position, "limit": limit}
        with transaction(self._pool) as connection:
            rows = connection.cursor(binary=True).execute(DUE, asked).fetchall()
        return [
            Message(
                endpoint_id=endpoint_id,
                position=place,
                message_id=message_id,
                body=body,
                attempts=attempts,
                due_at=due,
                first_at=first_at,
            )
            for place, message_id, body, attempts, due, first_at in rows
        ]

    def record(self, attempts: Sequence[Attempt]) -> datetime | None:
        if not attempts:
            return None
        endpoint_id = attempts[0].message.endpoint_id
        delivered = [each.message.position for each in attempts if each.status is MessageStatus.DELIVERED]
        others = [each for each in attempts if each.status is not MessageStatus.DELIVERED]
        with transaction(self._pool) as connection:
            register_arrays(connection)
            connection.execute(LOG, (endpoint_id, *_logged(attempts)))
            if delivered:
                connection.execute(DELIVERED, (endpoint_id, bigint_array(delivered)))
            if others:
                connection.execute(OTHERS, (*_put_off(others), endpoint_id))
            if delivered:
                connection.execute(WELL, (endpoint_id,))
                return None
            failed = endpoint_id, min(each.at for each in attempts)
            [(since,)] = connection.execute(FAILING, failed).fetchall()
            return since  # type: ignore[no-any-return]

    def log(self, endpoint_id: str, before: int | None, limit: int) -> list[AttemptRow]:
        asked = endpoint_id, NO_ATTEMPT_ID if before is None else before, limit
        names = AttemptRow.__struct_fields__
        with transaction(self._pool) as connection:
            rows = connection.execute(SHOWN, asked).fetchall()
        return [msgspec.convert(dict(zip(names, row, strict=True)), AttemptRow) for row in rows]

    def drop(self, endpoint_id: str) -> None:
        with transaction(self._pool) as connection:
            connection.execute(DROP, (endpoint_id,))

    def forget(self, before: datetime) -> int:
        with transaction(self._pool) as connection:
            connection.execute(FORGET_MESSAGES, (before,))
            return connection.execute(FORGET_ATTEMPTS, (before,)).rowcount


def _put(connection: psycopg.Connection, messages: Sequence[Message], where_known: str) -> None:
    if messages:
        register_arrays(connection)
        ids = {message.endpoint_id: uuid_bytes(message.endpoint_id) for message in messages}
        columns = (
            messages[0].due_at,
            uuid_array([ids[message.endpoint_id] for message in messages]),
            bigint_array([message.position for message in messages]),
            text_array([message.message_id for message in messages]),
            bytea_array([message.body for message in messages]),
        )
        connection.execute(PUT + where_known, columns)


def _logged(attempts: Sequence[Attempt]) -> tuple[Array, ...]:
    """As LOG takes them; times are microseconds, since 1970 or of the attempt."""
    answers = [each.answer for each in attempts]
    return (
        bigint_array([each.message.position for each in attempts]),
        text_array([each.message.message_id for each in attempts]),
        bigint_array([each.message.attempts + 1 for each in attempts]),
        bigint_array([_microseconds(each.at) for each in attempts]),
        bigint_array([round(answer.took_ms * 1000) for answer in answers]),
        bigint_array([answer.status for answer in answers]),
        text_array([answer.error for answer in answers]),
        text_array([answer.excerpt for answer in answers]),
        text_array([each.status.value for each in attempts]),
    )


def _put_off(attempts: Sequence[Attempt]) -> tuple[Array, ...]:
    """As OTHERS takes them."""
    return (
        bigint_array([each.message.position for each in attempts]),
        bigint_array([each.message.attempts + 1 for each in attempts]),
        text_array([each.status.value for each in attempts]),
        bigint_array([_microseconds(each.due_at) for each in attempts]),
        bigint_array([_microseconds(each.at) for each in attempts]),
    )


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
