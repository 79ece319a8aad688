"""docs/how_to/receive_receipts.md: its code reports to a running server, declared as the page says."""

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

import pytest
from http_door import open_door

from dispatch.application.ports.ledger import Append
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import StageCompleted
from dispatch.domain.job.state import JobStatus
from examples import NOON
from ledgers import cause, new_id, opened_job

pytestmark = pytest.mark.postgres
PAGE = Path(__file__).parents[3] / "docs" / "how_to" / "receive_receipts.md"
SECRET = f"whsec_{base64.b64encode(b'h' * 32).decode()}"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


async def test_the_page_reports_what_became_of_a_message(database_url: str, tmp_path: Path):
    defined: dict[str, Any] = {}
    exec(compile("\n".join(blocks("python")), str(PAGE), "exec"), defined)  # noqa: S102 - a page of ours
    (tmp_path / "secret").write_text(SECRET)
    [declared] = blocks("toml")
    file = tmp_path / "providers.toml"
    file.write_text(declared.replace("/run/secrets/texter-receipts", str(tmp_path / "secret")))
    async with open_door(database_url, tmp_path, providers_file=str(file)) as door:
        job_id, output = new_id(), {"message_id": "m-1", "provider": "texter"}
        opened = opened_job(job_id)
        sent = StageCompleted(job_id=job_id, at=NOON, stage="dispatch", attempt=1, next_stage="confirm", output=output)
        door.app.ledger.append([Append(job_id, 0, [opened, sent], cause())])
        await door.project()
        receipts = [
            {"message_id": "m-1", "status": "delivered", "at": "2026-11-23T12:00:00Z"},
            {"message_id": "m-1", "status": "delivered", "at": "2026-11-23T12:00:00Z"},
            {"message_id": "m-2", "status": "failed", "at": "2026-11-23T12:00:00Z", "code": "30003"},
        ]
        url = f"{door.url}/v1/receipts/texter"
        answer = await asyncio.to_thread(defined["report"], url, SECRET, receipts)
        assert answer == {"received": 3, "recorded": 1, "repeated": 1, "pending": 0, "waiting": 1}
        assert decider.fold(door.app.ledger.load(job_id).events).status is JobStatus.DELIVERED
