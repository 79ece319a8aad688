"""docs/how_to/send_rows_by_webhook.md: its code sends rows to a running server."""

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from http_door import open_door, rows

pytestmark = pytest.mark.postgres
PAGE = Path(__file__).parents[3] / "docs" / "how_to" / "send_rows_by_webhook.md"


def code_of_the_page() -> dict[str, Any]:
    """What the page's Python defines."""
    defined: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), defined)  # noqa: S102 - a page of ours
    return defined


@pytest.mark.acceptance("1.01", part="rows that another system sends are a batch, once")
async def test_the_page_sends_rows(database_url: str, tmp_path: Path):
    page = code_of_the_page()
    senders = f"crm service-job {page['SECRET']}"
    async with open_door(database_url, tmp_path, webhook_senders=senders) as door:
        url = f"{door.url}/v1/intake/crm"
        sent = await asyncio.to_thread(page["send"], url, page["SECRET"], rows(3, prefix="HOW"))
        again = await asyncio.to_thread(page["send"], url, page["SECRET"], rows(3, prefix="HOW"))
        assert (sent["duplicate"], again["duplicate"]) == (False, True)
        await asyncio.to_thread(door.app.admit, sent["batch_id"])
        await door.project()
        assert (await door.client.get(sent["location"])).json()["jobs"] == 3


@pytest.mark.acceptance("3.06", part="the older form, as the page sends it: in Python and with curl")
async def test_the_page_sends_rows_in_the_older_form(database_url: str, tmp_path: Path):
    page, secret = code_of_the_page(), "a-bank-secret-of-this-test"
    [commands] = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    async with open_door(database_url, tmp_path, webhook_senders=f"bank service-job text:{secret}") as door:
        url, sent = f"{door.url}/v1/intake/bank", rows(3, prefix="OLD")
        plain = await asyncio.to_thread(page["send_classic"], url, secret.encode(), sent)
        dated = await asyncio.to_thread(page["send_classic"], url, secret.encode(), sent, "msg-1")
        assert (plain["status"], dated) == ("queued", plain | {"status": "duplicate"})
        shell = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euc", commands],
            env=os.environ | {"URL": url, "SECRET": secret, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=True,
        )
        by_hand = json.loads(shell.stdout)
        assert by_hand["status"] == "queued"
        for batch_id, jobs in ((plain["id"], 3), (by_hand["id"], 1)):
            await asyncio.to_thread(door.app.admit, batch_id)
            await door.project()
            assert (await door.client.get(f"/v1/batches/{batch_id}")).json()["jobs"] == jobs
