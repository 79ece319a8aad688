"""Dead letters fall into their groups, and what is done to a group is done once and reported (acceptance X22, S.09)."""

from collections import Counter
from datetime import timedelta

import psycopg
import pytest
from following import catch_up, checksums
from msgspec.structs import replace
from sqlalchemy.pool import NullPool

import examples
from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.failures import PostgresFailures
from dispatch.adapters.postgres.rebuild import rebuild
from dispatch.application.handle import handle
from dispatch.application.ports.ledger import Append, LedgerUnavailable
from dispatch.application.replays import ReplayAsked, Replays
from dispatch.domain.failures import Severity, fingerprint
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import GiveUp, RecordOutcome, ResumeJob
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobEscalated, StageFailed
from dispatch.domain.job.state import JobStatus
from dispatch.domain.replay.decide import NothingToReplay
from dispatch.domain.replay.events import ReplayAction, Selection
from dispatch.domain.replay.state import ReplayStatus
from dispatch.domain.retry import RetryPolicy
from examples import BATCH_ID, NOON
from ledgers import cause, opened_job

pytestmark = pytest.mark.postgres

KINDS = (
    ("enrich", "hunter", "server_error", "HTTP <n> for job {}", True),
    ("enrich", "apify", "server_error", "HTTP <n> for job {}", True),
    ("verify", "zero", "timeout", "no answer within {} s", True),
    ("verify", "zero", "no_such_mailbox", "mailbox u{}@example.org unknown", False),
    ("dispatch", "mail", "stage_crashed", "", False),
)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON + timedelta(hours=1)

    def __call__(self):
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def job_id_of(number: int) -> str:
    return f"019aaf6c-1c00-83f2-8c1e-7a4d{number:08x}"


def fail(ledger, numbers, kinds=KINDS) -> None:
    """Each of these jobs opens and fails for good, in the way whose turn it is."""
    appends = []
    for number in numbers:
        job_id, (stage, provider, code, message, transient) = job_id_of(number), kinds[number % len(kinds)]
        route = (stage,) if stage == "dispatch" else (stage, "clear", "dispatch")
        opened = replace(opened_job(job_id), route=route)
        failed = StageFailed(
            job_id=job_id,
            at=NOON + timedelta(seconds=number % 600),
            stage=stage,
            attempt=1,
            error_code=code,
            transient=transient,
            provider=provider,
            message=message.format(number),
        )
        escalated = JobEscalated(job_id=job_id, at=failed.at, stage=stage, reason=code)
        appends.append(Append(job_id, 0, [opened, failed, escalated], cause()))
    for first in range(0, len(appends), 1_000):
        ledger.append(appends[first : first + 1_000])


def status_of(ledger, number) -> JobStatus | None:
    return decider.fold(ledger.load(job_id_of(number)).events).status


@pytest.fixture
def failures(database_url):
    engine = open_engine(database_url, read_only=True, poolclass=NullPool)
    yield PostgresFailures(engine)
    engine.dispose()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def replays(ledger, failures, clock):
    return Replays(ledger, failures, clock)


@pytest.fixture
def played(replays, projector, clock):
    """Runs a replay to its end, a second a step; answers its row and how many steps it took."""

    def run(replay_id):
        catch_up(projector)
        steps = 0
        while replays.failures.replay(replay_id).status is ReplayStatus.RUNNING:
            clock.pass_s(1)
            replays.run()
            catch_up(projector)
            steps += 1
        return replays.failures.replay(replay_id), steps

    return run


@pytest.mark.acceptance("X22", part="exhausted and permanent failures are dead letters with reason and history")
@pytest.mark.acceptance("S.09", part="one group of 10,000 mixed dead letters is replayed, and the report adds up")
@pytest.mark.timeout(180)
def test_ten_thousand_mixed_failures_fall_into_their_groups_and_one_group_is_retried(
    ledger, projector, failures, replays, played, database_url
):
    fail(ledger, range(10_000))
    catch_up(projector)
    groups = {(g.stage, g.provider, g.code): g for g in failures.groups()}
    assert set(groups) == {kind[:3] for kind in KINDS}
    assert {(g.open, g.total) for g in groups.values()} == {(2_000, 2_000)}
    assert (failures.depth().open, failures.depth().oldest_at) == (10_000, NOON)
    timeouts = groups["verify", "zero", "timeout"]
    assert timeouts.fingerprint == fingerprint("verify", "zero", "timeout", "no answer within 7 s")
    assert (timeouts.message, timeouts.severity) == ("no answer within <n> s", Severity.WARNING)
    assert (timeouts.first_seen, timeouts.last_seen) == (NOON + timedelta(seconds=2), NOON + timedelta(seconds=597))

    asked = ReplayAsked(
        action=ReplayAction.RETRY, selection=Selection(fingerprint=timeouts.fingerprint), per_second=400.0
    )
    preview = replays.preview(asked)
    assert (preview.counted, preview.results, preview.takes_s) == (2_000, {"done": 2_000}, 5.0)
    assert failures.depth().open == 10_000
    row, steps = played(replays.request(asked, "ann").replay_id)
    assert (row.status, row.done, row.results) == (ReplayStatus.COMPLETED, 2_000, {"done": 2_000})
    assert steps == 5  # The pace: 400 a second.
    items = failures.replay_items(row.replay_id, limit=5_000)
    assert Counter(item.result for item in items) == row.results
    assert [item.number for item in items] == list(range(2_000))
    assert failures.depth().open == 8_000
    assert failures.group(timeouts.fingerprint).open == 0
    assert status_of(ledger, 2) is JobStatus.RUNNING
    assert status_of(ledger, 3) is JobStatus.ESCALATED
    live = checksums(database_url)
    for name in ("failures", "replays", "escalations", "batches"):
        assert rebuild(database_url, ledger, name).same, name
    assert checksums(database_url) == live


class DiesBeforeTheReport:
    """A ledger whose process dies between the jobs and their report, once."""

    def __init__(self, ledger) -> None:
        self._ledger, self.dead = ledger, False

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def append(self, appends):
        if not self.dead and appends[0].stream not in {job_id_of(n) for n in range(100)}:
            self.dead = True
            raise LedgerUnavailable("killed")
        return self._ledger.append(appends)


def test_a_runner_that_dies_between_jobs_and_report_does_nothing_twice(
    ledger, projector, failures, replays, played, clock
):
    fail(ledger, range(20), KINDS[:1])
    catch_up(projector)
    asked = ReplayAsked(action=ReplayAction.RETRY, selection=Selection(stage="enrich"), per_second=5.0)
    replay_id = replays.request(asked, "ann").replay_id
    catch_up(projector)
    clock.pass_s(1)
    with pytest.raises(LedgerUnavailable):
        Replays(DiesBeforeTheReport(ledger), failures, clock).run()
    assert [status_of(ledger, n) for n in (4, 5)] == [JobStatus.RUNNING, JobStatus.ESCALATED]
    again = ledger.load(job_id_of(0))  # One of those goes on, and fails for good anew, before anybody reports.
    outcome = RecordOutcome(
        job_id=job_id_of(0), at=clock(), stage="enrich", attempt=2, outcome=GiveUp("gone"), retry=RetryPolicy()
    )
    handle(ledger, decider, job_id_of(0), outcome, cause())
    assert ledger.load(job_id_of(0)).version == again.version + 2
    row, _ = played(replay_id)
    assert (row.done, row.results) == (20, {"done": 20})
    for number in range(20):
        resumed = [e for e in ledger.load(job_id_of(number)).events if type(e).__name__ == "JobResumed"]
        assert len(resumed) == 1


def test_two_runners_do_it_once(ledger, projector, failures, replays, clock):
    fail(ledger, range(10), KINDS[:1])
    catch_up(projector)
    asked = ReplayAsked(action=ReplayAction.RETRY, selection=Selection(stage="enrich"), per_second=100.0)
    replay_id = replays.request(asked, "ann").replay_id
    catch_up(projector)
    clock.pass_s(1)
    assert [step.jobs for step in replays.run()] == [10]
    assert replays.step(replay_id) is None  # The view still says that it runs; the ledger knows better.
    assert all(len(ledger.load(job_id_of(n)).events) == 4 for n in range(10))


def test_what_has_changed_meanwhile_is_left_alone_and_reported(ledger, projector, failures, replays, played, clock):
    fail(ledger, range(4), KINDS[:1])
    catch_up(projector)
    asked = ReplayAsked(action=ReplayAction.DROP, selection=Selection(stage="enrich"), reason="old list")
    replay_id = replays.request(asked, "ann").replay_id
    for number in (0, 1):
        resume = ResumeJob(job_id=job_id_of(number), at=clock(), by="bob")
        handle(ledger, decider, job_id_of(number), resume, cause())
    outcome = RecordOutcome(
        job_id=job_id_of(1), at=clock(), stage="enrich", attempt=2, outcome=GiveUp("gone"), retry=RetryPolicy()
    )
    handle(ledger, decider, job_id_of(1), outcome, cause())
    row, _ = played(replay_id)
    assert row.results == {"already_resolved": 1, "changed": 1, "done": 2}
    assert sum(row.results.values()) == row.done == row.counted == 4
    assert [status_of(ledger, n) for n in range(4)] == [
        JobStatus.RUNNING,
        JobStatus.ESCALATED,
        JobStatus.CANCELLED,
        JobStatus.CANCELLED,
    ]
    assert [i.job_id for i in failures.replay_items(replay_id, result="changed")] == [job_id_of(1)]


def test_archive_and_reroute_say_of_each_job_what_came_of_it(ledger, projector, failures, replays, played, queries):
    ledger.append([Append(BATCH_ID, 0, [examples.received], cause())])
    fail(ledger, range(10))
    catch_up(projector)
    over = ReplayAsked(
        action=ReplayAction.REROUTE, selection=Selection(batch_id=BATCH_ID), stage="clear", reason="verifier is down"
    )
    assert replays.preview(over).results == {"done": 8, "stage_not_in_route": 2}
    row, _ = played(replays.request(over, "ann").replay_id)
    assert row.results == {"done": 8, "stage_not_in_route": 2}
    assert decider.fold(ledger.load(job_id_of(0)).events).stage == "clear"
    aside = ReplayAsked(action=ReplayAction.ARCHIVE, selection=Selection(since=NOON), reason="told by phone")
    row, _ = played(replays.request(aside, "ann").replay_id)
    assert row.results == {"done": 2}
    assert failures.depth().open == 0
    assert (queries.batch(BATCH_ID).archived, queries.batch(BATCH_ID).escalated) == (2, 0)
    with pytest.raises(NothingToReplay):
        replays.preview(aside)


def test_a_stopped_replay_leaves_the_rest_as_it_is(ledger, projector, failures, replays, clock):
    fail(ledger, range(10), KINDS[:1])
    catch_up(projector)
    asked = ReplayAsked(action=ReplayAction.RETRY, selection=Selection(stage="enrich"), per_second=4.0)
    replay_id = replays.request(asked, "ann").replay_id
    catch_up(projector)
    clock.pass_s(1)
    replays.run()
    replays.stop(replay_id, "bob", "wrong group")
    clock.pass_s(10)
    assert replays.step(replay_id) is None
    catch_up(projector)
    row = failures.replay(replay_id)
    assert (row.status, row.done, row.stopped_by, row.stop_reason) == (ReplayStatus.STOPPED, 4, "bob", "wrong group")
    assert failures.depth().open == 6
    assert failures.running_replays() == []


def test_a_runner_that_was_away_does_not_catch_up_at_once(ledger, projector, replays, clock):
    fail(ledger, range(100), KINDS[:1])
    catch_up(projector)
    asked = ReplayAsked(action=ReplayAction.RETRY, selection=Selection(stage="enrich"), per_second=10.0)
    replay_id = replays.request(asked, "ann").replay_id
    assert replays.step(replay_id) is None
    clock.pass_s(3_600)
    step = replays.step(replay_id)
    assert (step.jobs, step.left) == (20, 80)


@pytest.mark.acceptance("2.04", part="vw_unresolved_errors and vw_error_rate_24h")
@pytest.mark.acceptance("2.20", part="the last unresolved errors: type, record, message, time")
@pytest.mark.acceptance("2.18", part="failed ones, newest first")
@pytest.mark.acceptance("S.11", part="who resolved an error, how, and the notes")
def test_the_sql_views_say_what_is_unresolved_and_how_often_it_fails(ledger, projector, database_url):
    fail(ledger, range(5))
    catch_up(projector)
    with psycopg.connect(database_url) as connection:
        newest = "SELECT type, record::text, message, time, severity FROM ops.vw_unresolved_errors ORDER BY time DESC"
        rows = connection.execute(f"{newest} LIMIT 10").fetchall()
        assert rows[0] == (
            "dispatch/stage_crashed", job_id_of(4), "stage_crashed", NOON + timedelta(seconds=4), "critical"
        )  # fmt: skip
        assert [row[0] for row in rows[1:3]] == ["verify/no_such_mailbox", "verify/timeout"]
        resume = ResumeJob(job_id=job_id_of(4), at=NOON, by="bob")
        handle(ledger, decider, job_id_of(4), resume, cause())
        catch_up(projector)
        assert len(connection.execute(newest).fetchall()) == 4
        resolved = "SELECT resolution, resolved_by FROM ops.dead_letters WHERE resolved_at IS NOT NULL"
        assert connection.execute(resolved).fetchall() == [("resumed", "bob")]
        connection.execute("UPDATE ops.failure_hours SET hour = date_trunc('hour', now())")
        rate = "SELECT stage, attempts, errors, error_rate_percent FROM ops.vw_error_rate_24h ORDER BY stage"
        assert connection.execute(rate).fetchall() == [
            ("dispatch", 1, 1, 100.0), ("enrich", 2, 2, 100.0), ("verify", 2, 2, 100.0)
        ]  # fmt: skip


@pytest.mark.acceptance("X13", part="an error is tied to its own job at every stage")
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_failure_before_it_makes_the_group_wherever_the_steps_are_cut(ledger, projector, failures, limit):
    fail(ledger, range(10))
    catch_up(projector, limit)
    assert {(g.stage, g.provider, g.code, g.open) for g in failures.groups()} == {(*kind[:3], 2) for kind in KINDS}


def test_a_filter_picks_by_everything_that_it_names(ledger, projector, failures):
    fail(ledger, range(10))
    catch_up(projector)
    assert len(failures.pick(Selection(stage="verify"), limit=100)) == 4
    assert len(failures.pick(Selection(stage="verify", code="timeout"), limit=100)) == 2
    assert len(failures.pick(Selection(since=NOON + timedelta(seconds=7)), limit=100)) == 3
    assert failures.pick(Selection(batch_id=command_id("other")), limit=100) == []
