"""The limit: group commit by hand and a bare HTTP client, on one event loop."""

import asyncio

import httptools
import msgspec
import psycopg
import uvloop

from benchmarks.append.single import CommitterByHand
from benchmarks.contest import Timed
from benchmarks.jobs import copy_row, opened, stored_rows
from benchmarks.lab import count_rows
from benchmarks.pipeline.work import FIND, IN_FLIGHT, SEND, STAGES, VERIFY, WARM_UP, in_flight, reference
from benchmarks.stock import TABLE
from dispatch.domain.job.events import JobOpened, StageCompleted


def run(url: str, providers_url: str, jobs: int) -> Timed:
    """Seven events a job, each durable before the next stage begins."""
    timed = uvloop.run(_run(url, providers_url, jobs))
    assert count_rows(url, TABLE) == (jobs + WARM_UP) * (STAGES + 1)
    return timed


async def _run(url: str, providers_url: str, jobs: int) -> Timed:
    rows = [_rows(job) for job in opened(jobs + WARM_UP)]
    host, port = providers_url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    idle = [(await loop.create_connection(_Connection, host, int(port)))[1] for _ in range(IN_FLIGHT)]

    async def act(job: int, stage: int) -> None:
        request = _request(job, stage)
        if request:
            connection = idle.pop()
            status = await connection.send(request)
            assert 200 <= status < 300, status
            idle.append(connection)

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as database:
        committer = CommitterByHand(database)
        writer = asyncio.create_task(committer.write())

        async def run_job(job: int) -> None:
            await committer.call(rows[job][:1])
            for stage in range(1, STAGES + 1):
                await act(job, stage)
                await committer.call(rows[job][stage : stage + 1])

        timed = await in_flight(jobs, run_job)
        writer.cancel()
    return timed


def _rows(job: JobOpened) -> list[bytes]:
    stages = [
        StageCompleted(job_id=job.job_id, at=job.at, stage=stage, attempt=1, next_stage=following, output={"ok": True})
        for stage, following in zip(job.route[:STAGES], job.route[1 : STAGES + 1], strict=True)
    ]
    return [copy_row(row) for row in stored_rows([job, *stages])]


def _request(job: int, stage: int) -> bytes:
    if stage == FIND:
        query = f"reference={reference(job)}&name=Ann+Example&postcode=NG9+6QR&email=&phone=%2B447700900123"
        return f"GET /contacts?{query} HTTP/1.1\r\nhost: providers\r\n\r\n".encode()
    if stage == VERIFY:
        return f"GET /verify?email=ann{job}%40example.com&api= HTTP/1.1\r\nhost: providers\r\n\r\n".encode()
    if stage == SEND:
        message = {
            "channel": "email",
            "to": f"ann{job}@example.com",
            "template": "service_job_offer.v1",
            "variables": {"name": "Ann Example", "reference": reference(job), "price": "£75.00"},
        }
        body = msgspec.json.encode(message)
        head = (
            f"POST /messages HTTP/1.1\r\nhost: providers\r\nidempotency-key: dispatch.{reference(job)}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
    return b""


class _Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._parser = transport, httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._parser = httptools.HttpResponseParser(self)
        self._answer.set_result(status)

    def send(self, request: bytes) -> asyncio.Future[int]:
        """The status of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer
