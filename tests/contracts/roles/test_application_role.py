"""The application's user can add to the ledger; the database itself refuses it everything else there."""

import psycopg
import pytest

import examples
from dispatch.adapters.postgres.migrate import NotTheOwner, migrate
from dispatch.adapters.postgres.views.catalogue import VIEWS
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.settings import Settings
from dispatch.entrypoints.surroundings import NotRunning
from histories import World
from ledgers import new_id, start
from servers import application_url

pytestmark = pytest.mark.postgres

REFUSED = {
    "update": "UPDATE ledger.stored_events SET actor = 'eve'",
    "update of nothing": "UPDATE ledger.stored_events SET actor = 'eve' WHERE false",
    "delete": "DELETE FROM ledger.stored_events",
    "truncate": "TRUNCATE ledger.stored_events",
    "upsert": (
        "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state)"
        " SELECT originator_id, originator_version, topic, '{}' FROM ledger.stored_events"
        " ON CONFLICT (originator_id, originator_version) DO UPDATE SET state = excluded.state"
    ),
    "alter": "ALTER TABLE ledger.stored_events ALTER COLUMN actor SET NOT NULL",
    "drop": "DROP TABLE ledger.stored_events CASCADE",
    "guard off": "ALTER TABLE ledger.stored_events DISABLE TRIGGER append_only",
    "guard gone": "DROP TRIGGER append_only ON ledger.stored_events",
    "guard hollow": (
        "CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    ),
    "rule": "CREATE RULE lost AS ON INSERT TO ledger.stored_events DO INSTEAD NOTHING",
    "replica": "SET session_replication_role = replica",
    "positions": "SELECT setval('ledger.stored_events_notification_id_seq', 1)",
    "checkpoints changed": "UPDATE ledger.seal_checkpoints SET note = ''",
    "checkpoints removed": "DELETE FROM ledger.seal_checkpoints",
    "tiles removed": "DELETE FROM ledger.seal_tiles",
    "schema": "DROP SCHEMA ledger CASCADE",
    "new in the ledger": "CREATE TABLE ledger.mine (x int)",
    "new schema": "CREATE SCHEMA mine",
    "revision": "UPDATE public.alembic_version SET version_num = '0001'",
    "natural keys changed": "UPDATE intake.natural_keys SET row_number = 1",
    "natural keys dropped": "DROP TABLE intake.natural_keys",
}


@pytest.mark.acceptance("0.09", part="the application's user has no right to change what is recorded")
@pytest.mark.acceptance("2.02", part="the application has a user of its own with least privilege")
@pytest.mark.parametrize("asked", REFUSED)
def test_the_ledger_refuses_the_application(app, asked: str):
    app.ledger.append([start(new_id())])
    with (
        psycopg.connect(app.settings.database_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"permission denied|must be owner"),
    ):
        connection.execute(REFUSED[asked])


def test_it_cannot_give_itself_what_it_lacks(app):
    """Postgres only warns where the user has some other right on the table, and changes nothing."""
    with psycopg.connect(app.settings.database_url, autocommit=True) as connection:
        connection.execute("GRANT UPDATE ON ledger.stored_events TO dispatch_app")
        asked = "SELECT has_table_privilege('dispatch_app', 'ledger.stored_events', 'UPDATE')"
        assert connection.execute(asked).fetchone() == (False,)


def test_it_cannot_become_the_owner(app, database_url: str):
    with psycopg.connect(database_url) as owner:
        name = owner.info.user
    with (
        psycopg.connect(app.settings.database_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f'SET ROLE "{name}"')


@pytest.mark.acceptance("0.08", part="whoever writes has only the rights that the work needs")
def test_everything_that_the_system_does_it_can_do(app):
    for _ in World(app.ledger, seed=1).history(batches=2, steps=120):
        pass
    while app.projector.step():
        pass
    app.sealing.sign_now()
    app.ledger.append([start(new_id())])
    app.sealing.sign_now()  # The last tile grows.
    assert app.admit.natural_keys.claim("service-job", examples.BATCH_ID, [(1, new_id())]) == set()
    app.due.sweep(["validate"], stale=True)
    app.close_batches()
    assert app.queries.batches()
    assert all(app.rebuild_view(name).same for name in VIEWS)
    assert app.migrate()


def test_what_it_makes_belongs_to_the_group_so_that_another_user_can_rebuild_it(app, database_url: str):
    with psycopg.connect(database_url) as owner:
        owners = owner.execute(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relkind IN ('r', 'v')"
            " AND relnamespace IN ('ops'::regnamespace, 'intake'::regnamespace)"
            " AND oid NOT IN ('intake.natural_keys'::regclass, 'intake.company_numbers'::regclass)"
        ).fetchall()
    assert owners == [("dispatch_app",)]
    as_owner = open_app(Settings(data=app.settings.data, database_url=database_url))
    try:
        assert as_owner.rebuild_view("jobs").same
        assert app.rebuild_view("jobs").same
    finally:
        as_owner.close()


def test_a_database_that_nobody_prepared_says_who_must(database_url: str, app, tmp_path):
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("DROP SCHEMA ledger, intake, ops, rebuild CASCADE; DROP TABLE public.alembic_version")
    url = application_url(database_url)
    with pytest.raises(NotTheOwner, match=r"revision none, .* the user dispatch_service may not change it"):
        migrate(url)
    alone = open_app(Settings(data=tmp_path, database_url=url))
    try:
        with pytest.raises(NotRunning, match="dispatch migrate"):
            alone.migrate()
    finally:
        alone.close()
