"""The database's roles: `dispatch_app` works, `dispatch_reader` only looks, whoever migrates owns. Users are members.

Roles belong to the cluster, revisions to one database: a restored dump, or the second database of a cluster, may meet
any mixture of both. So whoever migrates makes what is missing, at each start.
"""

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

APPLICATION, READER = "dispatch_app", "dispatch_reader"

# Where the migrating user may not, nothing happens: somebody who may makes the roles, and `dispatch doctor` says so.
CREATE = """
DO $$ BEGIN
    IF to_regrole('{role}') IS NULL
       AND (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
        CREATE ROLE {role} NOLOGIN;
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            GRANT {role} TO CURRENT_USER;  -- To hand over the read models, and to rebuild them where one user does all.
        END IF;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- Another database of the cluster was faster.
END $$;
"""
MISSING = """
SELECT to_regrole(%s) IS NULL OR to_regrole(%s) IS NULL FROM pg_roles
WHERE rolname = current_user AND (rolsuper OR rolcreaterole)
"""
# The application's queries step down to the reader; what a reader may not see stays out of their reach.
STEP_DOWN = """
DO $$ BEGIN
    IF to_regrole('dispatch_app') IS NOT NULL AND to_regrole('dispatch_reader') IS NOT NULL
       AND NOT pg_has_role('dispatch_app', 'dispatch_reader', 'SET')
       AND pg_has_role('dispatch_reader', 'MEMBER WITH ADMIN OPTION') THEN
        GRANT dispatch_reader TO dispatch_app WITH INHERIT FALSE, SET TRUE;
    END IF;
END $$;
"""
MAY_CREATE_LOGIN = """
SELECT rolsuper OR (rolcreaterole AND pg_has_role('dispatch_app', 'MEMBER WITH ADMIN OPTION'))
FROM pg_roles WHERE rolname = current_user AND to_regrole('dispatch_app') IS NOT NULL
"""
IS_MEMBER = "SELECT pg_has_role(oid, %s, 'USAGE') FROM pg_roles WHERE rolname = %s"

# What the application makes belongs to the group, so that each of its users may replace it.
ACT_AS_APPLICATION = """
SELECT set_config('role', rolname, %s) FROM pg_roles
WHERE rolname = 'dispatch_app' AND pg_has_role(oid, 'SET') AND pg_has_role(oid, 'USAGE')
  AND has_schema_privilege(oid, to_regnamespace('ops'), 'CREATE')
"""
ACT_AS_READER = """
SELECT set_config('role', rolname, false) FROM pg_roles
WHERE rolname = 'dispatch_reader' AND pg_has_role(oid, 'SET')
  AND has_table_privilege(oid, to_regclass('ops.positions'), 'SELECT')
"""


def lacks_roles(connection: psycopg.Connection[Any]) -> bool:
    """Is a group missing that the connected user may make?"""
    return connection.execute(MISSING, (APPLICATION, READER)).fetchone() == (True,)


def create_roles(connection: psycopg.Connection[Any]) -> None:
    """Make the groups that are missing, as far as the connected user may."""
    for role in (APPLICATION, READER):
        connection.execute(CREATE.format(role=role))
    connection.execute(STEP_DOWN)


def create_login(connection: psycopg.Connection[Any], url: str) -> None:
    """Make the user that this URL names a member of the application, with the URL's password if there is no such user.

    The connection must be in autocommit mode. A user that exists keeps the password that it has.
    """
    named = conninfo_to_dict(url)
    user, password = named.get("user"), named.get("password")
    if not user or connection.execute(MAY_CREATE_LOGIN).fetchone() != (True,):
        return
    if connection.execute(IS_MEMBER, (APPLICATION, user)).fetchone() is None:
        create = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(str(user)))
        if password:  # Only the verifier is sent: the password itself would stand in the server's log.
            verifier = connection.pgconn.encrypt_password(str(password).encode(), str(user).encode(), b"scram-sha-256")
            create += sql.SQL(" PASSWORD {}").format(sql.Literal(verifier.decode()))
        with suppress(errors.DuplicateObject, errors.UniqueViolation):  # Another database of the cluster was faster.
            connection.execute(create)
    if connection.execute(IS_MEMBER, (APPLICATION, user)).fetchone() == (False,):
        group, member = sql.Identifier(APPLICATION), sql.Identifier(str(user))
        connection.execute(sql.SQL("GRANT {} TO {}").format(group, member))


def act_as_application(connection: psycopg.Connection[Any], *, in_transaction: bool = False) -> None:
    """Be the group from here on, or to the end of the transaction; stay who we are where the roles are not in use."""
    connection.execute(ACT_AS_APPLICATION, (in_transaction,))


def act_as_reader(connection: psycopg.Connection[Any]) -> None:
    """Be the reader from here on; stay who we are where the roles are not in use."""
    connection.execute(ACT_AS_READER)
