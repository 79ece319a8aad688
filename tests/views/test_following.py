"""The projector: each event counts once, wherever it was stopped, however many of them there are (promise R7)."""

import threading

import psycopg
import pytest
from following import catch_up, checksums, counts, drop_views
from msgspec.structs import replace

import examples
from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.views.catalogue import VIEWS
from dispatch.adapters.postgres.views.jobs import JobsView
from dispatch.application.ports.ledger import Append, LedgerUnavailable
from histories import World
from ledgers import cause, new_id, start

pytestmark = pytest.mark.postgres


def recorded_history(ledger, seed=5):  # One in which everything happens that the first test asks for.
    world = World(ledger, seed)
    for _ in world.history(batches=3, steps=330):
        pass
    found = [examples.source_added, examples.source_checked, examples.source_paused]
    ledger.append([Append(examples.SOURCE_ID, 0, found, cause())])
    replayed = [examples.replay_requested, examples.replay_items_picked, examples.replay_progressed]
    ledger.append([Append(examples.REPLAY_ID, 0, [*replayed, examples.replay_completed], cause())])
    paused = [examples.work_paused, examples.work_resumed, examples.work_paused]
    ledger.append([Append(examples.PAUSE_ID, 0, paused, cause())])
    ledger.append([Append(examples.FLEET_ID, 0, [examples.role_scaled], cause())])
    ledger.append([Append(examples.ZONE_ID, 0, [examples.zone_changed], cause())])
    company = "019aaf6c-1c00-83f2-8c1e-7a4d00000099"
    opened = replace(examples.opened, job_id=company, route=("company_slots", "clear"), scheduled_at=None)
    slots = {"slots": ["1 CEO"], "slot_type": "executive"}
    filled = replace(examples.completed, job_id=company, stage="company_slots", next_stage="clear", output=slots)
    ledger.append([Append(company, 0, [opened, replace(filled, person=None)], cause())])
    return world


def test_the_history_of_these_tests_reaches_every_table(ledger, projector, database_url):
    recorded_history(ledger)
    catch_up(projector)
    filled = {table: rows for table, rows in counts(database_url).items() if table != "ops.failing"}
    assert all(filled.values()), filled  # `failing` holds rows between two steps only.
    kinds = {type(record.event).__name__ for record in ledger.read(0, 10_000)}
    ends = {"JobDelivered", "JobBlocked", "JobCancelled", "JobArchived"}
    assert ends | {"JobEscalated", "JobResumed", "JobRerouted", "RetryScheduled"} <= kinds


@pytest.mark.parametrize("limit", [1, 7])
def test_the_rows_are_the_same_wherever_the_steps_are_cut(ledger, projector, database_url, limit):
    recorded_history(ledger)
    catch_up(projector)
    whole = checksums(database_url)
    drop_views(database_url)
    projector.prepare()
    catch_up(projector, limit)
    assert checksums(database_url) == whole


def test_projecting_again_changes_nothing(ledger, projector, database_url, queries):
    recorded_history(ledger)
    catch_up(projector)
    once, positions = checksums(database_url), queries.positions()
    catch_up(projector)
    again = Projector(database_url, ledger)
    assert again.prepare() == []
    catch_up(again)
    again.close()
    assert checksums(database_url) == once
    assert queries.positions() == positions
    assert {row.position for row in positions} == {ledger.head()}
    assert {row.view for row in positions} == set(VIEWS)


def test_a_projector_that_dies_in_a_step_leaves_no_trace_of_it(ledger, projector, database_url):
    recorded_history(ledger)
    projector.step(50)
    before = checksums(database_url)
    dying = Projector(database_url, ledger, {**VIEWS, "jobs": DyingJobs})
    with pytest.raises(ZeroDivisionError):
        dying.step(50)
    dying.close()
    assert checksums(database_url) == before
    catch_up(projector)
    assert sum(counts(database_url).values()) > 0


class DyingJobs(JobsView):
    """Writes its rows, then fails."""

    def project(self, cursor, recorded):
        super().project(cursor, recorded)
        raise ZeroDivisionError


def test_two_projectors_at_once_project_each_event_once(ledger, projector, database_url):
    recorded_history(ledger)
    catch_up(projector)
    alone = checksums(database_url)
    drop_views(database_url)
    both, steps = [Projector(database_url, ledger) for _ in range(2)], []

    def follow(one):
        one.prepare()
        while count := one.step(5):
            steps.append(count)
        one.close()

    threads = [threading.Thread(target=follow, args=(one,)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert checksums(database_url) == alone
    assert sum(steps) == len(ledger.read(0, 10_000))


def test_the_views_follow_any_form_of_the_ledger(database_url, projector, ledger):
    """What Postgres makes of a history is what the memory ledger makes of it: the same rows, by the same seed."""
    recorded_history(ledger, seed=5)
    catch_up(projector)
    on_postgres = checksums(database_url)
    memory = MemoryLedger()
    recorded_history(memory, seed=5)
    drop_views(database_url)
    following = Projector(database_url, memory)
    following.prepare()
    catch_up(following)
    following.close()
    assert checksums(database_url) == on_postgres


def test_a_view_whose_version_rose_is_told_to_be_rebuilt(ledger, projector, database_url):
    newer = type("JobsView", (JobsView,), {"version": JobsView.version + 1})
    later = Projector(database_url, ledger, {**VIEWS, "jobs": newer})
    assert later.prepare() == ["jobs"]
    later.close()
    assert projector.prepare() == []


def test_a_view_that_is_new_begins_at_the_beginning(ledger, projector, database_url):
    recorded_history(ledger)
    catch_up(projector)
    complete = checksums(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP VIEW ops.v_escalations, ops.v_pipeline_health; DROP TABLE ops.escalations")
        connection.execute("DELETE FROM ops.positions WHERE view = 'escalations'")
    assert projector.prepare() == []
    catch_up(projector, 50)
    assert checksums(database_url) == complete, "the others count nothing twice while the new one catches up"


def test_a_lost_connection_is_told_as_such_and_the_next_step_goes_on(ledger, projector, database_url):
    ledger.append([start(new_id())])
    backend = projector.connection().info.backend_pid
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    with pytest.raises(LedgerUnavailable):
        projector.step()
    assert projector.step() == 1
