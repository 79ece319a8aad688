"""A rebuilt view equals the live one, and is read without a gap while it is rebuilt (promise R7)."""

import threading

import psycopg
import pytest
from following import catch_up, checksums

from dispatch.adapters.postgres import rebuild as rebuilding
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.rebuild import rebuild
from dispatch.adapters.postgres.views.catalogue import VIEWS
from dispatch.adapters.postgres.views.escalations import EscalationsView
from histories import World

pytestmark = pytest.mark.postgres


@pytest.fixture
def small_steps(monkeypatch):
    """So that a short history is replayed in many."""
    monkeypatch.setattr(rebuilding, "EVENTS_PER_STEP", 10)


def play(ledger, seed, batches=3, steps=240):
    for _ in World(ledger, seed).history(batches=batches, steps=steps):
        pass


@pytest.mark.parametrize("seed", range(4))
def test_every_view_rebuilt_is_the_same_as_live(ledger, projector, database_url, small_steps, seed):
    play(ledger, seed)
    catch_up(projector, 13)
    live = checksums(database_url)
    for name in VIEWS:
        rebuilt = rebuild(database_url, ledger, name)
        assert rebuilt.same, name
        assert (rebuilt.view, rebuilt.position, rebuilt.events) == (name, ledger.head(), len(ledger.read(0, 10_000)))
    assert checksums(database_url) == live


def test_a_row_that_was_tampered_with_is_found_and_mended(ledger, projector, database_url):
    play(ledger, seed=1)
    catch_up(projector)
    live = checksums(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE ops.jobs SET attempts = attempts + 1 WHERE version = (SELECT max(version) FROM ops.jobs)"
        )
    assert not rebuild(database_url, ledger, "jobs").same
    assert checksums(database_url) == live


def test_a_rebuild_goes_as_far_as_the_view_that_serves_has_come(ledger, projector, database_url, queries):
    play(ledger, seed=2)
    projector.step(60)
    for name in VIEWS:
        assert rebuild(database_url, ledger, name).same, name
    assert {row.position for row in queries.positions()} == {ledger.read(0, 60)[-1].position}
    catch_up(projector)
    behind = checksums(database_url)
    for name in VIEWS:
        assert rebuild(database_url, ledger, name).same, name
    assert checksums(database_url) == behind


@pytest.mark.timeout(90)
def test_rebuilding_while_appends_and_reads_go_on(ledger, projector, database_url, queries, small_steps):
    world, failed, reads = World(ledger, seed=3), [], 0
    done = threading.Event()

    def write():
        for _ in world.history(batches=4, steps=400):
            if done.is_set():
                break

    def follow():
        while not done.is_set():
            projector.step(25)

    def read():
        nonlocal reads
        while not done.is_set():
            try:
                queries.batches()
                queries.jobs()
                queries.escalations()
                queries.pipeline_health()
                reads += 1
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for work in (write, follow, read)]
    for thread in threads:
        thread.start()
    try:
        rebuilt = [rebuild(database_url, ledger, name) for _ in range(2) for name in VIEWS]
    finally:
        done.set()
        for thread in threads:
            thread.join(60)
    assert [one.view for one in rebuilt if not one.same] == []
    assert failed == []
    assert reads
    catch_up(projector)
    assert all(rebuild(database_url, ledger, name).same for name in VIEWS)


def test_what_a_killed_rebuild_left_is_not_in_the_way(ledger, projector, database_url):
    play(ledger, seed=1)
    catch_up(projector)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET ROLE dispatch_app; CREATE TABLE rebuild.jobs (of_an_older_version int)")
    assert rebuild(database_url, ledger, "jobs").same


def test_two_rebuilds_of_one_view_at_once_take_turns(ledger, projector, database_url):
    play(ledger, seed=1)
    catch_up(projector)
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(rebuild(database_url, ledger, "stage_progress"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.same for one in made] == [True, True]


class WiderEscalations(EscalationsView):
    """The next version of a view: a column and a table more."""

    version = EscalationsView.version + 1
    tables = (*EscalationsView.tables, "escalation_notes")
    create = EscalationsView.create.replace("stage text NOT NULL,", "stage text NOT NULL, severity int DEFAULT 1,") + (
        "CREATE TABLE {schema}.escalation_notes (job_id uuid);"
    )


def test_a_view_of_another_shape_takes_its_place(ledger, projector, database_url, monkeypatch, queries):
    play(ledger, seed=2)
    catch_up(projector)
    monkeypatch.setitem(VIEWS, "escalations", WiderEscalations)
    newer = Projector(database_url, ledger, VIEWS)
    assert newer.prepare() == ["escalations"]
    before = queries.escalations()
    rebuilt = rebuild(database_url, ledger, "escalations")
    assert rebuilt.checksum_before == ""
    assert newer.prepare() == []
    assert queries.escalations() == before
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM ops.escalation_notes").fetchone() == (0,)
        assert connection.execute("SELECT min(severity) FROM ops.escalations").fetchone() == (1,)
    newer.close()


def test_an_unknown_view(ledger, projector, database_url):
    with pytest.raises(KeyError, match="no_such_view"):
        rebuild(database_url, ledger, "no_such_view")


def test_progress_is_told(ledger, projector, database_url, small_steps):
    play(ledger, seed=1, batches=1, steps=20)
    catch_up(projector)
    told = []
    rebuild(database_url, ledger, "jobs", lambda position, live: told.append((position, live)))
    assert told[-1] == (ledger.head(), ledger.head())
    assert told == sorted(told)
