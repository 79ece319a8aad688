"""Reconciliation mends what is safe, records who did it, asks providers, raises alarms, and answers at the doors."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.reconciling import StreamFacts, StreamSilent
from dispatch.application.react import queue_after
from dispatch.application.reconcile.scope import Scope
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.operations.events import ReconciliationRun, RepairKind
from dispatch.entrypoints.reconciling import new_run_id

pytestmark = pytest.mark.postgres


@pytest.mark.acceptance("S.09", part="reconcile: a forgotten job is found and published again")
@pytest.mark.acceptance("X21", part="a job whose message was lost is found by the ledger and published again")
def test_a_forgotten_job_is_found_where_nothing_waits_at_its_stage_and_offered_again(bench, opened):
    assert bench.codes() == {}, "it has a minute to move, and another one"
    bench.age(where="topic LIKE 'JobOpened%%'")
    assert bench.codes(busy=["validate"]) == {}, "a backlog is not forgotten"
    report = bench.look(repair=True)
    assert report.counts == {"job_forgotten": 5}
    assert report.findings[0].what == "the job is running at validate, and nothing waits or runs there"
    assert [(repair.kind, repair.target, repair.count) for repair in report.repairs] == [
        (RepairKind.OFFER_AGAIN, opened, 5)
    ]
    swept = bench.system.app.due.sweep(["validate"], stale=False)
    assert {job.job_id for job in swept} == set(bench.job_ids(opened))
    assert bench.system.app.due.sweep(["validate"], stale=False) == []


@pytest.mark.acceptance("S.09", part="who mended what, and why, is in the ledger")
def test_what_was_mended_is_recorded_with_who_and_why(bench, delivered):
    bench.execute("DELETE FROM ops.jobs WHERE row_number = 2")
    report = bench.look(repair=True)
    [event] = bench.system.app.ledger.load(report.run_id).events
    assert isinstance(event, ReconciliationRun)
    assert (event.by, event.scope, event.jobs, event.counts) == ("ann", "all", 5, {"job_view_differs": 1})
    assert [(repair.kind, repair.because) for repair in event.repairs] == [
        (RepairKind.REBUILD_VIEW, "job_view_differs")
    ]
    bench.system.project()
    assert bench.codes() == {}, "its own event disturbs no view"


@pytest.mark.acceptance("X23", part="a batch of which every job has ended is closed as they ended")
def test_a_batch_whose_jobs_have_ended_is_closed(bench, run, jobs_file):
    batch_id = bench.admitted(jobs_file(good=3), run)
    bench.send(batch_id)
    assert bench.codes() == {}, "timers have a minute"
    bench.age()
    report = bench.look(repair=True)
    assert report.counts == {"batch_not_closed": 1}
    assert [repair.kind for repair in report.repairs] == [RepairKind.CLOSE_BATCH]
    bench.system.project()
    assert bench.system.app.queries.batch(batch_id).status is BatchStatus.COMPLETE
    assert bench.codes() == {}


@pytest.mark.acceptance("S.09", part="stale takeover: a batch whose holder hangs is given to another worker")
def test_a_batch_whose_holder_hangs_is_given_to_another(bench, run, jobs_file):
    batch_id = run("batch", "upload", jobs_file(), "--json").json()["batch_id"]
    bench.system.project()
    sheet = bench.system.app.intake_sheet
    assert sheet.take("hangs").batch_id == batch_id
    sheet.keep("hangs")  # It lives and does nothing.
    assert sheet.take("other") is None
    bench.age()
    report = bench.look(repair=True)
    assert report.counts == {"batch_stale": 1}
    assert [(repair.kind, repair.target) for repair in report.repairs] == [(RepairKind.TAKE_OVER, batch_id)]
    assert sheet.take("other").batch_id == batch_id


def test_the_work_stream_is_compared_with_the_ledger(bench, opened):
    def with_stream(facts):
        def stream():
            if facts is None:
                raise StreamSilent("connection refused")
            return facts

        wired = bench.reconcile()
        wired = replace(wired, look=replace(wired.look, stream=stream))
        return wired("6c1f9a53-0d2e-8b47-a1c8-5e7f90b3d264", Scope(), "ann")

    head = bench.system.app.ledger.head()
    assert with_stream(None).counts == {"stream_silent": 1}
    ahead = with_stream(StreamFacts(exists=True, through=head + 7))
    assert ahead.counts == {"stream_ahead": 1}
    assert ahead.findings[0].found == str(head + 7)
    assert with_stream(StreamFacts(exists=False)).counts == {}, "it is filled again within a minute"
    bench.age()
    assert with_stream(StreamFacts(exists=False)).counts["stream_behind"] == 1


@pytest.mark.acceptance("S.09", part="reconcile: what the provider says of each message")
def test_what_was_sent_is_compared_with_what_the_provider_says(bench, delivered):
    asked = []

    def ask(provider, message_ids):
        assert provider == ""
        asked.extend(message_ids)
        answers = [ReceiptStatus.DELIVERED, ReceiptStatus.FAILED, "message_not_found", ReceiptStatus.PENDING]
        return dict(zip(message_ids, answers, strict=False))

    report = bench.look(ask=ask)
    assert report.counts == {"message_unknown": 1, "receipt_failed": 1, "receipt_pending": 1}
    assert (report.receipts, len(set(asked))) == (5, 5)
    assert all(message_id.startswith("m-") for message_id in asked)
    assert (
        bench.look(Scope(batch_id=delivered), ask=lambda _, ids: dict.fromkeys(ids, ReceiptStatus.DELIVERED)).counts
        == {}
    )


def test_a_provider_that_is_silent_is_left_alone(bench, run, jobs_file):
    batch_id = bench.admitted(jobs_file(good=70), run)
    bench.send(batch_id)
    calls = []
    report = bench.look(ask=lambda _, ids: calls.append(len(ids)) or {})
    assert (len(calls), report.counts) == (3, {"provider_silent": 1})


@pytest.mark.acceptance("S.09", part="each provider is asked for its own messages, and a silent one costs no other")
def test_every_provider_is_asked_for_what_it_sent(bench, run, jobs_file):
    batch_id = bench.admitted(jobs_file(good=150), run)
    sent_by = dict(zip(bench.job_ids(batch_id), ("main", "spare", "gone") * 50, strict=True))
    bench.send(batch_id, sent_by)
    asked = Counter()

    def ask(provider, message_ids):
        assert {sent_by[message_id.removeprefix("m-")] for message_id in message_ids} == {provider}
        asked[provider] += len(message_ids)
        return {"main": dict.fromkeys(message_ids, ReceiptStatus.DELIVERED), "spare": {}, "gone": None}[provider]

    report = bench.look(ask=ask)
    assert report.counts == {"provider_silent": 2}
    assert {finding.what.partition(";")[0] for finding in report.findings} == {
        "spare does not answer",
        "gone is declared no more",
    }
    assert asked["main"] == 50
    assert report.receipts == 50 + asked["spare"] < 75, "the silent one was left alone"


@pytest.mark.acceptance("S.09", part="a light comparison by the timers raises alarms")
def test_a_light_run_says_what_does_not_move_and_raises_an_alarm(bench, opened, run):
    def light():
        return bench.reconcile().kept(new_run_id(), Scope(light=True), "timers")

    assert light().counts == {}
    bench.age()
    bench.execute("UPDATE ops.jobs SET due_at = due_at - interval '1 hour'")
    report = light()
    assert report.counts == {"job_forgotten": 5}
    alarms = bench.system.app.alarms()
    assert {alarm.code for alarm in alarms} == {"reconciliation_difference"}
    assert "job_forgotten: the job is running at validate" in alarms[0].what
    assert "dispatch reconcile" in alarms[0].fix
    [finding, *_] = [one for one in run("doctor", "--json").json()["findings"] if one["name"] == "reconciliation"]
    assert (finding["level"], "job_forgotten" in finding["found"]) == ("fail", True)
    wired = bench.reconcile()
    wired.kept(new_run_id(), Scope(light=True), "ann", repair=True)
    assert bench.system.app.alarms() == [], "what was mended is no alarm"


def test_of_several_timers_one_runs(bench):
    runs = bench.system.app.reconciliations
    assert runs.claim("6c1f9a53-0d2e-8b47-a1c8-5e7f90b3d264", "light", "timers", 60)
    assert not runs.claim("6c1f9a53-0d2e-8b47-a1c8-5e7f90b3d265", "light", "timers", 60)
    bench.execute("UPDATE ops.reconciliations SET started_at = now() - interval '2 minutes'")
    assert runs.claim("6c1f9a53-0d2e-8b47-a1c8-5e7f90b3d265", "light", "timers", 60)
    assert {run.status for run in runs.latest()} == {"running"}
    bench.execute("UPDATE ops.reconciliations SET seen_at = now() - interval '10 minutes'")
    assert {run.status for run in runs.latest()} == {"lost"}


def test_the_command_line_says_it_in_words_and_in_json_with_exit_codes(bench, delivered, run, monkeypatch):
    answer = run("reconcile", "--json")
    assert (answer.code, answer.json()["counts"]) == (1, {"stream_silent": 1}), "no NATS is named here"
    bench.execute("DELETE FROM ops.jobs WHERE row_number = 2")
    said = run("reconcile", "--batch", delivered[:8])
    assert said.code == 1
    assert "the view lacks the job" in said.out
    assert "2 differences, 1 of them errors: 1 batches, 5 jobs" in said.out
    mended = run("reconcile", "--repair", "--since", (utc_now() - timedelta(hours=1)).isoformat(), "--json").json()
    assert mended["repairs"] == [{"kind": "rebuild_view", "target": "jobs", "because": "job_view_differs", "count": 1}]
    assert run("reconcile", "--since", utc_now().isoformat(), "--json").json()["jobs"] == 0
    assert run("reconcile", "--batch", "zz").code == 1
    assert run("reconcile", "--batch", delivered, "--since", "2026-11-01").code == 2
    monkeypatch.setenv("DISPATCH_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    blind = run("reconcile", "--json")
    assert (blind.code, json.loads(blind.out)["error"]["code"]) == (2, "postgres_unreachable")


def test_a_database_that_nobody_prepared_could_not_be_looked_at(bench, run):
    bench.execute("DROP SCHEMA ops CASCADE")
    answer = run("reconcile", "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (2, "database_not_prepared")


def test_a_cursor_behind_events_that_bring_no_work_is_not_behind(bench, delivered):
    """The relay moves its cursor with what it publishes: at rest it stands before the last events."""
    bench.age()
    ledger = bench.system.app.ledger
    last_work = max(record.position for record in ledger.read(0, 10_000) if queue_after(record.event))
    assert last_work < ledger.head()

    def at(through):
        wired = bench.reconcile()
        wired = replace(wired, look=replace(wired.look, stream=lambda: StreamFacts(exists=True, through=through)))
        return wired(new_run_id(), Scope(), "ann").counts

    assert at(last_work) == {}
    assert at(last_work - 1) == {"stream_behind": 1}


def test_a_run_that_could_not_look_says_so(bench, opened):
    wired = bench.reconcile()

    def broken(*_):
        raise LedgerUnavailable("the connection was lost")

    run_id = new_run_id()
    with pytest.raises(LedgerUnavailable):
        replace(wired, look=broken).kept(run_id, Scope(), "ann")
    row = wired.runs.get(run_id)
    assert (row.status, row.problem, row.report) == ("failed", "LedgerUnavailable", None)
