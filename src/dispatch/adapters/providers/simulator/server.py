"""The simulator's HTTP server: an asyncio protocol on httptools, because ASGI cannot break a connection."""

import asyncio
import signal
import socket
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote_plus

import httptools
import msgspec
import uvloop

from dispatch.adapters.providers.simulator.fates import Reply
from dispatch.adapters.providers.simulator.presets import preset
from dispatch.adapters.providers.simulator.scenario import CALM, Scenario, changed
from dispatch.adapters.providers.simulator.world import World

BODY_BYTES_MAX = 1 << 20
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Simulator:
    """A simulator whose port is taken before it runs, so that a parent knows the address before it forks.

    Connections that come before `serve` wait in the socket's queue. After forking, the parent closes its copy with
    `close`, so that callers are refused once the child has ended.
    """

    def __init__(self, scenario: Scenario = CALM, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on host and port (0: any free one). Raises OSError when the port is taken."""
        self.world = World(scenario)
        self._socket = socket.create_server((host, port), backlog=1024)
        self.host, self.port = host, int(self._socket.getsockname()[1])

    @property
    def base_url(self) -> str:
        """Where the adapters find it."""
        return f"http://{self.host}:{self.port}"

    async def serve(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set, then break what is still open."""
        connections: set[_Connection] = set()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self.world, connections), sock=self._socket, backlog=1024)
        receipts = asyncio.create_task(self.world.receipts.run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({stopping, receipts}, return_when=asyncio.FIRST_COMPLETED)
            if receipts.done():
                await receipts  # Raises: it ends by a bug only.
        finally:
            stopping.cancel()
            receipts.cancel()
            server.close()
            for connection in list(connections):
                connection.abort()
            await server.wait_closed()

    def run(self) -> None:
        """Serve as a process of its own until SIGTERM or SIGINT; for a forked child or `python -m`."""

        async def until_signalled() -> None:
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await self.serve(stop)

        uvloop.run(until_signalled())

    def close(self) -> None:
        """Let go of the port in this process."""
        self._socket.close()


async def serve(host: str, port: int, scenario: Scenario, stop: asyncio.Event) -> None:
    """Run a simulator on this event loop until `stop` is set."""
    await Simulator(scenario, host, port).serve(stop)


class _Connection(asyncio.Protocol):
    """One connection: a request, its reply, the next request."""

    def __init__(self, world: World, connections: "set[_Connection]") -> None:
        self._world, self._connections = world, connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._waiting:
            self._waiting.cancel()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # A bug of ours.
        except httptools.HttpParserError:
            self.abort()

    # What httptools calls, in this order.

    def on_message_begin(self) -> None:
        self._target, self._body, self._idempotency_key, self._authorization = b"", b"", "", ""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"idempotency-key":
                self._idempotency_key = value.decode("latin-1")
            case b"authorization":
                self._authorization = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > BODY_BYTES_MAX:
            self.abort()

    def on_message_complete(self) -> None:
        if self._waiting:
            self.abort()  # Pipelining would let replies overtake each other.
            return
        reply = self._answer(self._parser.get_method())
        if reply.delay_ms:
            self._waiting = asyncio.get_running_loop().call_later(reply.delay_ms / 1000, self._reply, reply)
        else:
            self._reply(reply)

    def _reply(self, reply: Reply) -> None:
        self._waiting = None
        if reply.dropped:
            self.abort()
            return
        retry_after = f"Retry-After: {reply.retry_after}\r\n" if reply.retry_after else ""
        head = (
            f"HTTP/1.1 {reply.status} {REASONS[reply.status]}\r\nContent-Type: application/json\r\n"
            f"{retry_after}Content-Length: {len(reply.body)}\r\n\r\n"
        )
        self._transport.write(head.encode("ascii") + reply.body)
        if not self._parser.should_keep_alive():
            self._transport.close()

    def _answer(self, method: bytes) -> Reply:
        path, _, query = self._target.decode("latin-1").partition("?")
        match method, path:
            case b"GET", "/contacts":
                return self._world.find(_fields(query), self._authorization)
            case b"GET", "/verify":
                return self._world.verify(_fields(query))
            case b"GET", "/messages":
                return self._world.lookup(_fields(query), self._authorization)
            case b"POST", "/messages":
                return self._world.send(self._idempotency_key, self._body, self._authorization)
            case b"GET", "/stats":
                return Reply(200, msgspec.json.encode(self._world.stats()))
            case b"GET", "/scenario":
                return Reply(200, self._shown())
            case b"POST", "/scenario":
                return self._change()
            case b"POST", "/reset":
                self._world.reset()
                return Reply(200, msgspec.json.encode(self._world.stats()))
            case b"GET", _ if path.startswith("/messages/"):
                return self._world.receipt(unquote_plus(path.removeprefix("/messages/")), self._authorization)
            case _:
                return Reply(404, b'{"code":"no_such_endpoint"}')

    def _change(self) -> Reply:
        """Take the fields of a JSON object, on top of its `preset` or else of the present scenario."""
        try:
            changes = msgspec.json.decode(self._body, type=dict[str, object])
            base = preset(str(changes.pop("preset"))) if "preset" in changes else self._world.scenario
            self._world.change(changed(base, changes))
        except ValueError as error:
            return Reply(400, msgspec.json.encode({"code": "bad_scenario", "message": str(error)}))
        return Reply(200, self._shown())

    def _shown(self) -> bytes:
        """The scenario without its secret."""
        scenario = self._world.scenario
        secret = "(set)" if scenario.receipts_secret else ""
        return msgspec.json.encode(msgspec.structs.asdict(scenario) | {"receipts_secret": secret})


def _fields(query: str) -> dict[str, str]:
    fields = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        fields[name] = unquote_plus(value)
    return fields
