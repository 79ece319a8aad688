"""A running server with its application, and files to send to it."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from dispatch.application.handle import handle_many
from dispatch.application.ports.ledger import Cause
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import GiveUp, RecordOutcome
from dispatch.domain.job.decide import decider
from dispatch.domain.retry import RetryPolicy
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.http.server import serve
from dispatch.entrypoints.settings import Settings
from servers import application_url

HEADER = ("reference", "service", "price", "customer_name", "phone", "email", "postcode", "lawful_basis")
CANARY_NAME, CANARY_PHONE, CANARY_EMAIL = "Zenobia Quillfeather", "07700900461", "zenobia@canary.example"
CANARIES = ("Zenobia", "Quillfeather", "7700900461", "7700 900461", "zenobia", "canary.example")
CSV = {"Content-Type": "text/csv"}


def row(reference: str, **changed: str) -> dict[str, str]:
    """A good row; its person is the canary that must never be seen."""
    good = {
        "reference": reference,
        "service": "boiler_service",
        "price": "95.00",
        "customer_name": CANARY_NAME,
        "phone": CANARY_PHONE,
        "email": CANARY_EMAIL,
        "postcode": "NG9 6QR",
        "lawful_basis": "contract",
    }
    return good | changed


def as_csv(rows: Sequence[dict[str, str]]) -> bytes:
    """A file of these rows."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def rows(count: int, *, bad: int = 0, prefix: str = "SJ") -> list[dict[str, str]]:
    """Good rows, of which the last `bad` have a price and a postcode that cannot be."""
    refused = {"price": "a lot", "postcode": "nowhere"}
    return [row(f"{prefix}-{n:05}", **(refused if n > count - bad else {})) for n in range(1, count + 1)]


@dataclass
class Door:
    """A server on a free port, its application, and a client for it."""

    app: App
    url: str
    client: httpx.AsyncClient
    stop: asyncio.Event
    serving: asyncio.Task[None]
    nats: dict[str, Exception | None] = field(default_factory=dict)

    async def upload(self, content: bytes, *, name: str = "jobs.csv", **query: Any) -> httpx.Response:
        """Send a bare file."""
        return await self.client.post("/v1/batches", content=content, headers=CSV | {"X-File-Name": name}, params=query)

    async def take_in(self, content: bytes, **query: Any) -> str:
        """Send a file, admit its rows, and bring the views up to date; answers the batch id."""
        answer = await self.upload(content, **query)
        assert answer.status_code == 202, answer.text
        batch_id = str(answer.json()["batch_id"])
        await asyncio.to_thread(self.app.admit, batch_id)
        await self.project()
        return batch_id

    async def project(self) -> None:
        """Bring the views up to date."""
        while await asyncio.to_thread(self.app.projector.step):
            pass

    async def escalate(self, *job_ids: str) -> None:
        """Let these jobs fail for good at their first stage."""
        now = self.app.receive.clock()
        commands = [
            (job_id, RecordOutcome(job_id=job_id, at=now, stage="validate", attempt=1, outcome=GiveUp("no_slot"),
                                   retry=RetryPolicy()))
            for job_id in job_ids
        ]  # fmt: skip
        [batch_id] = {str(self.app.queries.job(job_id).batch_id) for job_id in job_ids}  # type: ignore[union-attr]
        cause = Cause(command_id=command_id(*job_ids, now), correlation_id=batch_id, actor="test")
        await asyncio.to_thread(handle_many, self.app.ledger, decider, commands, cause)
        await self.project()

    async def job_ids(self, batch_id: str) -> list[str]:
        """The ids of the batch's jobs, by row."""
        listed = await self.client.get("/v1/jobs", params={"batch_id": batch_id, "limit": 100})
        return [job["job_id"] for job in listed.json()["items"]]


@asynccontextmanager
async def open_door(
    database_url: str,
    data: Path,
    *,
    nats_check: Callable[[], Awaitable[str]] | None = None,
    **settings: Any,
) -> AsyncIterator[Door]:
    """A migrated application behind a real server on a free port; stopped in good order at the end."""
    app = await asyncio.to_thread(
        open_app,
        Settings(
            database_url=application_url(database_url),
            database_owner_url=database_url,
            data=data,
            http_port=0,
            shutdown_grace_s=5.0,
            **settings,
        ),
    )
    try:
        await asyncio.to_thread(app.migrate)
        stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(app, stop=stop, nats_check=nats_check, on_started=started.set_result))
        await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        async with httpx.AsyncClient(base_url=await started, timeout=30, trust_env=False) as client:
            try:
                yield Door(app, started.result(), client, stop, serving)
            finally:
                stop.set()
                await serving
    finally:
        await asyncio.to_thread(app.close)


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is a Problem Details object of this code, with everything that belongs to one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body["type"] == f"/problems/{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == answer.headers["x-request-id"]
    return body
