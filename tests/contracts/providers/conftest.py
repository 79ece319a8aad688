"""Simulators and scripted servers on real sockets, and adapters that call them."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from calls import Adapters, running

from dispatch.adapters.providers.http import TIMEOUT_S, build_client
from dispatch.adapters.providers.simulator import Scenario, Simulator


@pytest.fixture
async def simulate():
    """Starts a simulator with a scenario; answers its world and the adapters that call it."""
    async with AsyncExitStack() as stack:

        async def start(scenario: Scenario, api_key: str = "", timeout_s: float = TIMEOUT_S):
            client = await stack.enter_async_context(build_client(timeout_s=timeout_s))
            simulator = await stack.enter_async_context(running(Simulator(scenario)))
            return simulator.world, Adapters(simulator.base_url, client, api_key)

        yield start


@pytest.fixture
async def scripted():
    """Starts a server that answers everything with the same bytes, or never (None); answers adapters that call it."""
    async with AsyncExitStack() as stack:

        async def start(reply: bytes | None, api_key: str = "", timeout_s: float = TIMEOUT_S):
            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"content-length: " in head:
                    await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
                if reply is None:
                    await reader.read()  # Until the caller gives up.
                else:
                    writer.write(reply)
                writer.close()
                await writer.wait_closed()

            server = await stack.enter_async_context(await asyncio.start_server(answer, "127.0.0.1", 0))
            client = await stack.enter_async_context(build_client(timeout_s=timeout_s))
            return Adapters(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", client, api_key)

        yield start


@pytest.fixture
async def nobody(unused_tcp_port_factory):
    """Adapters that call a port on which nobody listens."""
    async with build_client() as client:
        yield lambda api_key="": Adapters(f"http://127.0.0.1:{unused_tcp_port_factory()}", client, api_key)
