"""The log of signed messages: which batch each became."""

from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application

NAME = "ops.webhook_messages"
TABLE = """
CREATE TABLE IF NOT EXISTS ops.webhook_messages (
    source text NOT NULL,
    message_id text NOT NULL,
    batch_id uuid NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, message_id)
);
CREATE INDEX IF NOT EXISTS webhook_messages_taken_at_idx ON ops.webhook_messages (taken_at)
"""
FIND = "SELECT batch_id::text FROM ops.webhook_messages WHERE source = %s AND message_id = %s"
REMEMBER = """
INSERT INTO ops.webhook_messages (source, message_id, batch_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
FORGET = "DELETE FROM ops.webhook_messages WHERE taken_at < now() - interval '30 days'"


class PostgresMessageLog:
    """Implements the port `MessageLog`. Losing the table costs nothing while senders repeat the same bytes."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the table where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)

    def batch_of(self, source: str, message_id: str) -> str | None:
        with transaction(self._pool) as connection:
            row = connection.execute(FIND, (source, message_id)).fetchone()
        return str(row[0]) if row else None

    def remember(self, source: str, message_id: str, batch_id: str) -> None:
        with transaction(self._pool) as connection:
            connection.execute(REMEMBER, (source, message_id, batch_id))
            connection.execute(FORGET)
