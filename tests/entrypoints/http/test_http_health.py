"""Alive, ready, and measured."""

import asyncio
import re
from pathlib import Path

import pytest
from http_door import Door, as_csv, assert_problem, open_door, rows

from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from dispatch.entrypoints.http.health import Probe

pytestmark = pytest.mark.postgres


@pytest.mark.acceptance("4.08")
async def test_the_process_says_that_it_is_alive(door: Door):
    answer = await door.client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.acceptance("4.09")
async def test_ready_when_every_dependency_is_well_and_says_how_fast(door: Door):
    answer = await door.client.get("/readyz")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ready"
    assert set(body["checks"]) == {"postgres", "migrations", "publisher"}
    assert all(check["ok"] and check["ms"] >= 0 for check in body["checks"].values())


@pytest.mark.acceptance("X24", part="readiness covers NATS")
@pytest.mark.acceptance("4.09")
async def test_nats_belongs_to_being_ready(database_url: str, tmp_path: Path):
    broken: list[Exception] = []

    async def nats() -> str:
        if broken:
            raise broken[0]
        return "answers"

    async with open_door(database_url, tmp_path, nats_check=nats) as door:
        well = await door.client.get("/readyz")
        assert (well.status_code, well.json()["checks"]["nats"]["says"]) == (200, "answers")
        broken.append(ConnectionError("nats://user:secret@host"))
        problem = assert_problem(await door.client.get("/readyz"), 503, "not_ready")
        assert problem["checks"]["nats"] == {"ok": False, "says": "ConnectionError"} | {
            "ms": problem["checks"]["nats"]["ms"]
        }
        assert problem["checks"]["postgres"]["ok"]
        assert "nats: ConnectionError" in problem["detail"]
        assert "secret" not in str(problem)


@pytest.mark.acceptance("4.09")
async def test_without_postgres_it_is_alive_not_ready_and_answers_503_until_postgres_is_back(tmp_path: Path):
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    try:
        async with open_door(server.url, tmp_path / "data") as door:
            batch_id = await door.take_in(as_csv(rows(2)))
            server.stop()
            assert (await door.client.get("/livez")).status_code == 200
            problem = assert_problem(await door.client.get("/readyz"), 503, "not_ready")
            assert not problem["checks"]["postgres"]["ok"]
            for path in ("/v1/batches", "/v1/pipeline", f"/v1/batches/{batch_id}"):
                answer = await door.client.get(path)
                assert_problem(answer, 503, "ledger_unavailable")
                assert answer.headers["retry-after"] == "2"
            metrics = (await door.client.get("/metrics")).text
            assert "dispatch_engine_views_up 0.0" in metrics
            assert "dispatch_engine_http_requests_total" in metrics
            page = await door.client.get("/", headers={"Accept": "text/html"})
            assert (page.status_code, "The database does not answer" in page.text) == (503, True)

            server.start()
            async with asyncio.timeout(20):
                while (await door.client.get("/readyz")).status_code != 200:
                    pass
                while (await door.client.get(f"/v1/batches/{batch_id}")).status_code != 200:
                    pass
    finally:
        server.stop()


@pytest.mark.acceptance("S.04", part="the limit of a readiness probe")
async def test_a_check_that_hangs_is_cut_off_and_not_started_twice():
    begun, forever = [], asyncio.Event()

    async def hang() -> str:
        begun.append(1)
        await forever.wait()
        return "late"

    probe = Probe(hang, limit_s=0.05)
    first, second = await probe(), await probe()
    assert not first.ok
    assert first.says == second.says == "no answer within 0.05 s"
    assert first.ms < 20_000
    assert len(begun) == 1
    forever.set()
    assert (await probe()).says == "late"


@pytest.mark.acceptance("4.10")
@pytest.mark.acceptance("4.11")
async def test_the_metrics_have_the_names_that_dashboards_know(own_door: Door):
    batch_id = await own_door.take_in(as_csv(rows(4)))
    ids = await own_door.job_ids(batch_id)
    await own_door.escalate(ids[0])
    await own_door.client.get("/v1/nothing")
    answer = await own_door.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.text
    for name in (
        "dispatch_engine_http_requests_total",
        "dispatch_engine_http_request_duration_seconds_bucket",
        "dispatch_engine_notifications_sent_total",
        "dispatch_engine_notifications_failed_total",
        "dispatch_engine_worker_inflight",
        "dispatch_engine_retry_scheduled_total",
    ):
        assert re.search(rf"^{name}[{{ ]", text, re.MULTILINE), name
    assert "_created" not in text
    assert 'dispatch_engine_jobs{state="running"} 3.0' in text
    assert 'dispatch_engine_jobs{state="escalated"} 1.0' in text
    assert 'dispatch_engine_worker_inflight{stage="validate"} 3.0' in text
    assert 'dispatch_engine_stage_failures_total{stage="validate"} 1.0' in text
    assert 'dispatch_engine_view_lag_events{view="jobs"} 0.0' in text
    assert 'dispatch_engine_http_requests_total{method="POST",route="/v1/batches",status="202"} 1.0' in text
    assert 'method="GET",route="unmatched",status="404"' in text


async def test_how_far_subscribers_are_behind(own_door: Door):
    await own_door.take_in(as_csv(rows(4)))
    assert "dispatch_engine_publisher_lag_events 0" not in (await own_door.client.get("/metrics")).text
    own_door.app.published.note(own_door.app.ledger.head() - 2)
    text = (await own_door.client.get("/metrics")).text
    assert "\ndispatch_engine_publisher_lag_events 2.0\n" in text
    [seconds] = re.findall(r"^dispatch_engine_publisher_lag_seconds (.*)$", text, re.MULTILINE)
    assert 0 < float(seconds) < 60
    says = (await own_door.client.get("/readyz")).json()["checks"]["publisher"]["says"]
    assert re.fullmatch(r"2 events, \d+\.\d s behind", says)


async def test_labels_come_from_route_templates_never_from_ids(own_door: Door):
    batch_id = await own_door.take_in(as_csv(rows(2)))
    [first, _] = await own_door.job_ids(batch_id)
    for path in (f"/v1/batches/{batch_id}", f"/v1/jobs/{first}", f"/?batch={batch_id}", "/wp-login.php"):
        await own_door.client.get(path)
    await own_door.client.request("BREW", "/v1/batches")
    text = (await own_door.client.get("/metrics")).text
    assert batch_id not in text
    assert first not in text
    assert "wp-login" not in text
    assert "BREW" not in text
    assert re.search(r'route="/v1/jobs/\{job_id[^"]*\}"', text)


@pytest.mark.acceptance("1.16", part="alarms beside readiness and in the metrics")
async def test_alarms_are_told_and_leave_the_server_ready(database_url: str, tmp_path: Path):
    async with open_door(database_url, tmp_path, approval_error_percent=2, approval_minutes=0.001) as door:
        batch_id = await door.take_in(as_csv(rows(20, bad=1)))
        await asyncio.sleep(0.1)
        body = (await door.client.get("/readyz")).json()
        assert body["status"] == "ready"
        [alarm] = body["alarms"]
        assert (alarm["code"], alarm["batch_id"]) == ("approval_overdue", batch_id)
        assert "dispatch batch approve" in alarm["fix"]
        metrics = (await door.client.get("/metrics")).text
        assert 'dispatch_engine_alarms{code="approval_overdue"} 1.0' in metrics
        assert 'dispatch_engine_alarms{code="batch_stuck"} 0.0' in metrics
