"""Roles come with the migrations: twice, at once, over two databases of a cluster, or not at all where nobody may."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from dispatch.adapters.postgres.inspection import inspect_server
from dispatch.adapters.postgres.migrate import migrate, newest_revision
from dispatch.adapters.postgres.views.catalogue import VIEWS
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.settings import Settings
from ledgers import new_id, start
from processes import released_at_once, start_owner
from servers import application_url, as_user, fresh_database

pytestmark = pytest.mark.postgres

RUNBOOK = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text(encoding="utf-8")
ACLS = """
SELECT oid::regclass::text, relacl::text, xmin::text FROM pg_class
WHERE relnamespace::regnamespace::text IN ('ledger', 'intake', 'ops', 'rebuild', 'public') ORDER BY 1
"""
MIGRATES = """
    import sys
    from dispatch.adapters.postgres.migrate import migrate
    print("ready", flush=True)
    sys.stdin.readline()
    print(migrate(sys.argv[1], application_url=sys.argv[2]), flush=True)
"""


@contextmanager
def owned_database(cluster: EmbeddedPostgres, attributes: str = "") -> Iterator[str]:
    """The URL of a database for its owner, who is no superuser: what a managed Postgres gives."""
    with fresh_database(cluster.url) as url, psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE dispatch_owner LOGIN {attributes}")
        superuser.execute(f'ALTER DATABASE "{superuser.info.dbname}" OWNER TO dispatch_owner')
        yield as_user(url, "dispatch_owner")


@contextmanager
def opened(data: Path, url: str, owner_url: str = "") -> Iterator[App]:
    app = open_app(Settings(data=data, database_url=url, database_owner_url=owner_url))
    try:
        app.migrate()
        yield app
    finally:
        app.close()


def works(app: App) -> None:
    """Append, project, rebuild and ask."""
    app.ledger.append([start(new_id())])
    while app.projector.step():
        pass
    assert all(app.rebuild_view(name).same for name in VIEWS)
    assert app.queries.jobs()


def test_twice_changes_nothing(database_url: str):
    url = application_url(database_url)
    migrate(database_url, application_url=url)
    with psycopg.connect(database_url, autocommit=True) as owner:
        before = owner.execute(ACLS).fetchall()
        assert migrate(database_url, application_url=url) == newest_revision()
        assert owner.execute(ACLS).fetchall() == before


@pytest.mark.timeout(90)
@pytest.mark.acceptance("4.05", part="migrations and roles, by several processes and databases at once")
def test_two_databases_of_a_cluster_at_once_by_six_processes(new_cluster: EmbeddedPostgres):
    with ExitStack() as stack:
        urls = [stack.enter_context(fresh_database(new_cluster.url)) for _ in range(2)]
        owners = [start_owner(MIGRATES, url, application_url(url)) for url in urls * 3]
        assert released_at_once(owners) == [newest_revision()] * 6
        for url in urls:
            assert inspect_server(application_url(url)).rights.excess == []
            with psycopg.connect(application_url(url), autocommit=True) as application:
                application.execute("SELECT * FROM ledger.stored_events")
                with pytest.raises(errors.InsufficientPrivilege):
                    application.execute("DELETE FROM ledger.stored_events")


def test_a_user_that_exists_keeps_its_password(new_cluster: EmbeddedPostgres):
    secret = "SELECT rolpassword FROM pg_authid WHERE rolname = 'dispatch_service'"
    with psycopg.connect(new_cluster.url, autocommit=True) as superuser:
        migrate(new_cluster.url, application_url=as_user(new_cluster.url, "dispatch_service", "first"))
        [(first,)] = superuser.execute(secret).fetchall()
        assert first.startswith("SCRAM-SHA-256$")
        migrate(new_cluster.url, application_url=as_user(new_cluster.url, "dispatch_service", "second"))
        assert superuser.execute(secret).fetchall() == [(first,)]


@pytest.mark.acceptance("2.02", part="by an owner who may create roles and is no superuser")
def test_an_owner_who_may_create_roles_makes_everything(new_cluster: EmbeddedPostgres, tmp_path: Path):
    with owned_database(new_cluster, "CREATEROLE") as url, opened(tmp_path, application_url(url), url) as app:
        works(app)
        rights = inspect_server(app.settings.database_url).rights
        assert (rights.is_superuser, rights.is_owner, rights.excess, rights.roles_missing) == (False, False, [], [])


def test_one_user_for_everything_works_with_roles_and_is_told(new_cluster: EmbeddedPostgres, tmp_path: Path):
    with owned_database(new_cluster, "CREATEROLE") as url, opened(tmp_path, url) as app:
        works(app)
        assert inspect_server(url).rights.is_owner


@pytest.mark.acceptance("0.09", part="a database without the privilege is told, not silently weaker")
def test_an_owner_who_may_not_create_roles_works_alone_until_somebody_does(
    new_cluster: EmbeddedPostgres, tmp_path: Path
):
    with owned_database(new_cluster) as url:
        with opened(tmp_path, url) as app:
            works(app)
            rights = inspect_server(url).rights
            assert (rights.is_owner, rights.roles_missing) == (True, ["dispatch_app", "dispatch_reader"])
        with psycopg.connect(new_cluster.url, autocommit=True) as superuser:  # As the runbook tells.
            superuser.execute(RUNBOOK.split("## Database roles")[1].split("```sql")[1].partition("```")[0])
        with opened(tmp_path, application_url(url), url) as app:
            works(app)
            rights = inspect_server(app.settings.database_url).rights
            assert (rights.is_owner, rights.excess, rights.roles_missing) == (False, [], [])
            with (
                psycopg.connect(app.settings.database_url) as application,
                pytest.raises(errors.InsufficientPrivilege),
            ):
                application.execute("UPDATE ledger.stored_events SET actor = 'eve'")


def test_roles_that_nobody_let_the_owner_into_do_not_stop_it(new_cluster: EmbeddedPostgres, tmp_path: Path):
    with psycopg.connect(new_cluster.url, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE dispatch_app; CREATE ROLE dispatch_reader")
    with owned_database(new_cluster) as url, opened(tmp_path, url) as app:
        works(app)


def test_rights_that_somebody_gave_beside_us_are_seen(database_url: str):
    url = application_url(database_url)
    migrate(database_url, application_url=url)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("GRANT UPDATE, TRUNCATE ON ledger.seal_checkpoints TO dispatch_app")
    assert inspect_server(url).rights.excess == ["UPDATE", "TRUNCATE"]


def test_a_cluster_that_lost_its_roles_gets_them_again(new_cluster: EmbeddedPostgres, tmp_path: Path):
    """A dump holds no roles: restored elsewhere, the revision is the newest and nobody is there."""
    url = application_url(new_cluster.url)
    with opened(tmp_path, url, new_cluster.url) as app:
        works(app)
    with psycopg.connect(new_cluster.url, autocommit=True) as superuser:
        for role in ("dispatch_app", "dispatch_reader"):
            superuser.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")
    with opened(tmp_path, url, new_cluster.url) as app:
        works(app)
