"""A comparison raises no false alarm: whatever the rules allow, however far the views are, nothing differs."""

import random
from collections import Counter
from contextlib import closing

import psycopg
import pytest

from dispatch.adapters.postgres.comparison import PostgresComparison
from dispatch.application.ports.reconciling import QueueFacts, StreamFacts
from dispatch.application.reconcile.findings import Code
from dispatch.application.reconcile.look import Look, Progress
from dispatch.application.reconcile.scope import Scope
from histories import ROUTE, World

pytestmark = pytest.mark.postgres


def compare(url, ledger, progress=None):
    # Its clock stands in the past, where everything is overdue: so much the more waits in the stream.
    queues = dict.fromkeys(ROUTE, QueueFacts(waiting=1, in_hand=0))
    with closing(PostgresComparison(url)) as comparison:
        look = Look(comparison, lambda: StreamFacts(exists=True, through=ledger.head(), queues=queues), ROUTE)
        findings = list(look(Scope(), progress or Progress(), lambda _: None))
    # This world lets some sends be recorded without a start, which no worker does.
    return [finding for finding in findings if finding.code is not Code.SENT_WITHOUT_START]


@pytest.mark.acceptance("S.09", part="reconcile raises no false alarm while everything moves")
@pytest.mark.parametrize("seed", range(6))
def test_nothing_differs_at_any_moment_of_a_random_history(ledger, projector, database_url, seed):
    chance = random.Random(seed)
    world = World(ledger, seed)
    for _ in world.history(batches=4, steps=240):
        if chance.random() < 0.5:
            projector.step(chance.randint(1, 30))
        if chance.random() < 0.06:
            assert compare(database_url, ledger) == []
    while projector.step():
        pass
    progress = Progress()
    assert compare(database_url, ledger, progress) == []
    assert (progress.batches, progress.jobs) == (len(world.batch_ids), len(world.job_ids))


def test_each_lost_row_of_a_view_is_found(ledger, projector, database_url):
    world = World(ledger, 3)
    for _ in world.history(batches=4, steps=240):
        projector.step()
    while projector.step():
        pass
    with psycopg.connect(database_url) as connection:
        lost = connection.execute(
            "DELETE FROM ops.jobs WHERE job_id IN (SELECT job_id FROM ops.jobs ORDER BY md5(job_id::text) LIMIT 7)"
            " RETURNING job_id::text"
        ).fetchall()
    found = compare(database_url, ledger)
    assert Counter(finding.code for finding in found) == {Code.JOB_VIEW_DIFFERS: 7}
    assert {finding.job_id for finding in found} == {job_id for (job_id,) in lost}
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM intake.row_errors")
        connection.execute("DELETE FROM intake.batches WHERE batch_id = %s", (world.batch_ids[1],))
    assert (Code.BATCH_VIEW_DIFFERS, world.batch_ids[1]) in {
        (finding.code, finding.batch_id) for finding in compare(database_url, ledger)
    }
