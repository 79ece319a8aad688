"""Notifications on the running system: each is delivered once, at its time, also when processes are killed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from dispatch.domain.job.priority import JobPriority
from end_to_end.running import eventually, stats, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]
TO = {"sms": "07700 900123", "push": "tok", "email": "ann@example.org"}


def item(number: int, **changed: str) -> dict[str, object]:
    channel = list(TO)[number % 3]
    return {
        "channel": channel,
        "to": TO[channel],
        "content": f"Message {number}.",
        "kind": "service",
        "permission": {"basis": "contract"},
        "priority": list(JobPriority)[number % 3],
        **changed,
    }


def delivered(client: httpx.Client) -> int:
    return int(client.get("/v1/pipeline").json()["jobs"]["delivered"])


@pytest.mark.acceptance("S.05", part="each item of a batch arrives once, whatever its priority, also through kills")
def test_each_arrives_once_whatever_its_priority_also_when_processes_are_killed(tmp_path: Path):
    with (
        up(tmp_path / "data", "--scenario", "flaky", work_ack_wait_s="3") as running,
        httpx.Client(base_url=running.note["api_url"], timeout=30, trust_env=False) as client,
    ):
        items = [item(number) for number in range(300)]
        for _ in range(2):  # The answer to the first call was lost, say.
            sent = client.post("/v1/notifications/batch", json={"items": items}, headers={"Idempotency-Key": "all"})
            assert sent.status_code == 202, sent.text
        assert sent.json()["duplicates"] == len(items)
        running.kill("worker-1")
        eventually(lambda: delivered(client), lambda found: found > len(items) // 10)
        running.kill("relay")
        eventually(lambda: delivered(client), lambda found: found == len(items), within_s=120)
        counted = stats(running.note["simulator_url"])
        assert counted["effects"] == counted["keys_seen"] == len(items)


@pytest.mark.acceptance("S.05", part="scheduledAt: sent at its time, not before")
def test_what_is_scheduled_is_sent_at_its_time_and_the_cancelled_one_never(tmp_path: Path):
    with (
        up(tmp_path / "data") as running,
        httpx.Client(base_url=running.note["api_url"], timeout=30, trust_env=False) as client,
    ):
        at = datetime.now(UTC) + timedelta(seconds=6)
        due, cancelled = (
            client.post("/v1/notifications", json=item(number, scheduledAt=at.isoformat())).json()
            for number in range(2)
        )
        ended = client.post(f"/v1/notifications/{cancelled['notificationId']}/cancel")
        assert ended.json()["status"] == "cancelled"

        def shown() -> dict[str, object]:
            found = client.get(f"/v1/notifications/{due['notificationId']}").json()
            assert found["status"] == "waiting" or datetime.now(UTC) >= at - timedelta(seconds=1)
            return dict(found)

        found = eventually(shown, lambda one: one["status"] == "delivered")
        sent = next(step for step in found["timeline"] if step["name"] == "StageStarted")
        assert timedelta(seconds=-1) <= datetime.fromisoformat(sent["at"]) - at < timedelta(seconds=10)
        assert stats(running.note["simulator_url"])["effects"] == 1, "the cancelled one was not sent"
