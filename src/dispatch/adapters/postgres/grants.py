"""What each role may do, in one place. Whoever owns the ledger applies it at a start that finds something missing.

A revision that brings a schema or a table adds its line here.
"""

from collections.abc import Iterable
from typing import Any

import psycopg

from dispatch.adapters.postgres.receipt_sheet import TABLES as RECEIPT_TABLES
from dispatch.adapters.postgres.roles import APPLICATION, READER
from dispatch.adapters.postgres.views.catalogue import VIEWS, readable
from dispatch.adapters.postgres.webhook_queue import TABLES as WEBHOOK_TABLES

TO_APPLICATION = """
REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM PUBLIC, dispatch_app;
REVOKE ALL ON FUNCTION ledger.append FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger TO dispatch_app;
GRANT SELECT, INSERT ON ledger.stored_events, ledger.seal_checkpoints TO dispatch_app;
GRANT SELECT, INSERT, UPDATE ON ledger.seal_tiles TO dispatch_app;  -- The last tile of each level grows.
GRANT SELECT ON ledger.events TO dispatch_app;
GRANT USAGE, SELECT ON SEQUENCE ledger.stored_events_notification_id_seq TO dispatch_app;  -- SELECT: for a dump.
GRANT EXECUTE ON FUNCTION ledger.append TO dispatch_app;
GRANT SELECT ON public.alembic_version TO dispatch_app;
GRANT SELECT, INSERT, DELETE ON intake.natural_keys TO dispatch_app;  -- An undone import gives its keys back.
GRANT SELECT, INSERT ON intake.company_numbers TO dispatch_app;  -- What was given out stays given out.
GRANT USAGE, SELECT ON SEQUENCE intake.company_numbers_seq TO dispatch_app;
GRANT USAGE ON SCHEMA privacy TO dispatch_app;  -- Nothing of it for readers.
GRANT SELECT, INSERT, UPDATE ON privacy.master_keys, privacy.index_key, privacy.subject_keys TO dispatch_app;
GRANT SELECT, INSERT, UPDATE ON privacy.key_blocks TO dispatch_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON privacy.address_runs TO dispatch_app;  -- UPDATE: to lock what is folded.
GRANT SELECT, INSERT, DELETE ON privacy.addresses TO dispatch_app;
GRANT USAGE, CREATE ON SCHEMA ops, intake, rebuild TO dispatch_app;
"""
TO_READER = "GRANT USAGE ON SCHEMA ops, intake TO dispatch_reader;"

# Read models that were made before there was a role, or by a user who did everything alone.
HAND_OVER = """
SELECT format('ALTER TABLE %%s OWNER TO dispatch_app', relation.oid::regclass)
FROM pg_roles AS application, pg_class AS relation
WHERE application.rolname = 'dispatch_app'
  AND pg_has_role(application.oid, 'SET') AND pg_has_role(application.oid, 'USAGE')
  AND relation.oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)
  AND relation.relowner <> application.oid AND pg_has_role(relation.relowner, 'USAGE')
"""
LACKING = """
SELECT EXISTS (
    SELECT FROM pg_roles AS role
    WHERE (role.rolname = 'dispatch_app'
           AND NOT (has_table_privilege(role.oid, to_regclass('ledger.stored_events'), 'INSERT')
                    AND has_table_privilege(role.oid, to_regclass('intake.natural_keys'), 'DELETE')
                    AND has_table_privilege(role.oid, to_regclass('intake.company_numbers'), 'INSERT')))
       OR (role.rolname = 'dispatch_reader' AND NOT has_schema_privilege(role.oid, to_regnamespace('ops'), 'USAGE'))
) AND pg_has_role((SELECT relowner FROM pg_class WHERE oid = to_regclass('ledger.stored_events')), 'USAGE')
"""
READABLE = """
SELECT format('GRANT SELECT ON %%s TO dispatch_reader', to_regclass(name))
FROM pg_roles AS reader, unnest(%s::text[]) AS name
WHERE reader.rolname = 'dispatch_reader' AND NOT has_table_privilege(reader.oid, to_regclass(name), 'SELECT')
"""


def lacks_grants(connection: psycopg.Connection[Any]) -> bool:
    """Is there a role without its rights in this database, and do we own what it lacks?"""
    return connection.execute(LACKING).fetchone() == (True,)


def grant(connection: psycopg.Connection[Any]) -> None:
    """Give the roles that exist their rights, on a database of the newest revision."""
    roles = {name for (name,) in connection.execute("SELECT rolname::text FROM pg_roles").fetchall()}
    with connection.transaction():
        if APPLICATION in roles:
            connection.execute(TO_APPLICATION)
            for (statement,) in connection.execute(HAND_OVER, (_made_by_the_application(),)).fetchall():
                connection.execute(statement)
        if READER in roles:
            connection.execute(TO_READER)


def _made_by_the_application() -> list[str]:
    views = [kind() for kind in VIEWS.values()]
    rebuilding = [f"rebuild.{table}" for view in views for table in view.tables]
    sheets = ["ops.due_leases", "ops.due_offers", "ops.intake_turns", "ops.source_looks", "ops.reconciliations"]
    sheets += ["ops.rate_limits", "ops.processes", *WEBHOOK_TABLES, *RECEIPT_TABLES]
    return ["ops.positions", *sheets, *readable(views), *rebuilding]


def let_readers_read(cursor: psycopg.Cursor[Any], relations: Iterable[str]) -> None:
    """Open these tables and views to the reader, where they are not yet; asked by whoever owns them."""
    for (statement,) in cursor.execute(READABLE, (list(relations),)).fetchall():
        cursor.execute(statement)
