"""`dispatch smoke` against a running system, as the rollout checklist of the runbook tells."""

import re
import urllib.request
from pathlib import Path

import msgspec
import pytest

from dispatch.domain.batch.state import BatchStatus
from end_to_end.running import dispatch, eventually, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]


@pytest.mark.acceptance("1.44")
@pytest.mark.acceptance("1.45", part="polled every 2 s, 2 minutes at most, and the files are gone")
@pytest.mark.acceptance("1.46", part="exit code 0")
@pytest.mark.acceptance("1.48", part="schema, then the whole, on a system that runs")
def test_both_pass_on_a_running_system(tmp_path: Path):
    with up(tmp_path / "data") as running:
        change_scenario(running.note["simulator_url"], preset="calm")
        schema = dispatch("smoke", "schema", "--data", str(running.data))
        assert schema.returncode == 0, schema.stdout + schema.stderr
        assert schema.stdout.endswith("7/7 passed\n")

        twice = [dispatch("smoke", "e2e", "--data", str(running.data), timeout_s=150) for _ in range(2)]
        for ended in twice:  # The files are new each time.
            assert ended.returncode == 0, ended.stdout + ended.stderr
            assert ended.stdout.endswith("3/3 passed\n")
            assert re.search(r"pass +happy path .* complete", ended.stdout)
            assert "Error rate 50.0% exceeded threshold 10%" in ended.stdout

        with running.app() as app:
            batches = eventually(app.queries.batches, lambda rows: all(row.closed_at for row in rows))
            statuses = [batch.status for batch in batches]
            assert statuses.count(BatchStatus.REJECTED) == 2
            assert statuses.count(BatchStatus.COMPLETE) == 2
            assert all(batch.file_name.startswith("smoke-") for batch in batches)

        by_url = dispatch("smoke", "e2e", "--url", running.note["api_url"], "--json", "--data", str(tmp_path / "none"))
        assert msgspec.json.decode(by_url.stdout)["passed"] == 3


@pytest.mark.acceptance("1.44", part="jobs that come before a person are cancelled behind the test")
def test_providers_that_know_nobody(tmp_path: Path):
    """As in production: no provider delivers to the invented addresses, so every job of the test is given up."""
    with up(tmp_path / "data") as running:
        change_scenario(running.note["simulator_url"], preset="calm", no_such_mailbox=1.0)
        ended = dispatch("smoke", "e2e", "--data", str(running.data), "--json", timeout_s=150)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "waiting_on_people: 10 escalated" in ended.stdout
        with running.app() as app:
            assert eventually(app.queries.escalations, lambda rows: not rows) == []


def change_scenario(simulator_url: str, **scenario: object) -> None:
    body = msgspec.json.encode(scenario)
    request = urllib.request.Request(f"{simulator_url}/scenario", data=body, method="POST")  # noqa: S310 - our own loopback server
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.status < 300
