"""The adapters under test, one way to call each method, and replies as they stand on the wire."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from pyreqwest.client import Client

from dispatch.adapters.providers.contact_finder import HttpContactFinder
from dispatch.adapters.providers.email_verifier import HttpEmailVerifier
from dispatch.adapters.providers.notifier import HttpNotifier
from dispatch.adapters.providers.simulator import Simulator
from dispatch.application.ports.providers import Channel, Message

METHODS = ("find", "find_in_role", "verdict", "send", "receipt")


class Adapters:
    """The three adapters on one address."""

    def __init__(self, base_url: str, client: Client, api_key: str = "") -> None:
        self.base_url, self.client = base_url, client
        self.finder = HttpContactFinder(client, base_url, api_key)
        self.verifier = HttpEmailVerifier(client, base_url, api_key)
        self.notifier = HttpNotifier(client, base_url, api_key)

    def call(self, method: str, key: str) -> Awaitable[object]:
        match method:
            case "find":
                return self.finder.find(key, "Ada Lovelace", "SW1A 1AA", "", "")
            case "find_in_role":
                return self.finder.find_in_role(f"{key}.example.com", "Example Ltd", "CEO")
            case "verdict":
                return self.verifier.verdict(f"{key}@example.com")
            case "send":
                return self.notifier.send(message(key))
            case "receipt":
                return self.notifier.receipt(key)
        raise ValueError(method)


def message(key: str, **changes: object) -> Message:
    fields = {"channel": Channel.EMAIL, "to": f"{key}@example.com", "template": "job-booked", "variables": {"day": "1"}}
    return Message(idempotency_key=key, **{**fields, **changes})


@asynccontextmanager
async def running(simulator: Simulator) -> AsyncIterator[Simulator]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(simulator.serve(stop))
        try:
            yield simulator
        finally:
            stop.set()


def http(status: int, body: bytes | str = b"", *headers: str) -> bytes:
    """A reply as it stands on the wire."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
