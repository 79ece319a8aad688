"""Read models and sheets are prepared by one process at a time: CREATE TABLE IF NOT EXISTS fails for two at once."""

from typing import Any

import psycopg

from dispatch.adapters.postgres.locks import Lock


def prepare_alone(cursor: psycopg.Cursor[Any] | psycopg.Connection[Any]) -> None:
    """Wait until nobody else prepares, and keep others waiting to the end of this transaction."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (Lock.PREPARE,))
