"""A signed message that was answered is not lost: everything is killed right behind the answer, and goes on later."""

import base64
import hmac
import json
from pathlib import Path

import httpx
import pytest

from dispatch.domain.batch.state import ENDED, BatchStatus
from end_to_end.running import eventually, up
from processes import await_gone

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]

SECRET = "bank-secret-of-24-characters"
ROW = {
    "service": "boiler_service",
    "price": "95.00",
    "customer_name": "Zenobia Quillfeather",
    "phone": "07700900461",
    "email": "zenobia@canary.example",
    "postcode": "NG9 6QR",
    "lawful_basis": "contract",
}
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE}


@pytest.mark.acceptance(
    "2.35", part="where providers are well every job ends without anybody's doing, also after a crash"
)
@pytest.mark.acceptance("3.06", part="queued means kept: what was answered outlives a kill right behind the answer")
def test_what_was_answered_with_202_is_done_although_everything_is_killed_at_once(tmp_path: Path):
    data, senders = tmp_path / "data", f"bank service-job text:{SECRET}"
    body = json.dumps({"rows": [ROW | {"reference": f"SJ-{n:03}"} for n in range(50)]}).encode()
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()

    with (
        up(data, "--scenario", "calm", webhook_senders=senders) as running,
        httpx.Client(base_url=running.note["api_url"], timeout=30, trust_env=False) as client,
    ):
        answer = client.post("/v1/intake/bank", content=body, headers={"X-Webhook-Signature": signature})
        for child in running.note["pids"]:
            if child.startswith(("api", "intake")):
                running.kill(child)
        running.kill_all()
        assert (answer.status_code, answer.json()["status"]) == (202, "queued")
        for pid in running.note["pids"].values():
            await_gone(pid, limit_s=30)

    with up(data, "--scenario", "calm", webhook_senders=senders) as running, running.app() as app:
        batch = eventually(
            lambda: app.queries.batch(answer.json()["id"]), lambda row: row is not None and row.status in RESTING
        )
        assert batch is not None
        assert (batch.rows, batch.jobs, batch.delivered) == (50, 50, 50)
        logs = "".join(path.read_text(errors="replace") for path in (data / "logs").glob("*.log"))
        assert "Quillfeather" not in logs
        assert SECRET not in logs
