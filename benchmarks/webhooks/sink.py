"""Where webhooks go: a server in a process of its own that parses each request, answers 204 and counts."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

import httptools
import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
STARTS_WITHIN_S = 30


@contextmanager
def sink() -> Iterator[str]:
    """The URL of a fresh one."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        assert ours.poll(STARTS_WITHIN_S), "the sink does not start"
        yield f"http://127.0.0.1:{ours.recv()}/hook"
    finally:
        process.terminate()
        process.join()


def _run(ready: Connection) -> None:
    uvloop.run(_serve(ready))


async def _serve(ready: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(_Request, "127.0.0.1", 0, backlog=1_024)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class _Request(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(ANSWER)
