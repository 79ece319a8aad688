"""What the connected user could do to the ledger beside adding to it, and whether the roles are there."""

from typing import Any

import msgspec
import psycopg

from dispatch.adapters.postgres.roles import APPLICATION, READER

ASK = """
WITH guarded AS (
    SELECT oid, relowner FROM pg_class
    WHERE oid IN (to_regclass('ledger.stored_events'), to_regclass('ledger.seal_checkpoints'))
)
SELECT rolname::text,
       rolsuper,
       EXISTS (SELECT FROM guarded WHERE pg_has_role(relowner, 'MEMBER')),
       ARRAY(SELECT privilege FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
             WHERE EXISTS (SELECT FROM guarded WHERE has_table_privilege(oid, privilege))),
       ARRAY(SELECT name FROM unnest(%s::text[]) AS name WHERE to_regrole(name) IS NULL)
FROM pg_roles WHERE rolname = current_user
"""


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Least privilege, as the database sees it."""

    user: str
    is_superuser: bool
    is_owner: bool
    """Can it switch the ledger's guard off, itself or as a role that it may become?"""
    excess: list[str]
    """What it may do to events or checkpoints beside adding and reading them, so that only the trigger refuses."""
    roles_missing: list[str]


def ask_rights(connection: psycopg.Connection[Any]) -> Rights:
    """Of the user who is connected."""
    [row] = connection.execute(ASK, ([APPLICATION, READER],)).fetchall()
    user, is_superuser, is_owner, excess, roles_missing = row
    return Rights(user=user, is_superuser=is_superuser, is_owner=is_owner, excess=excess, roles_missing=roles_missing)
