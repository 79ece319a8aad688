"""A NATS server of the test's own, and clients of it."""

from contextlib import AsyncExitStack

import pytest

from dispatch.adapters.nats.connection import connect


@pytest.fixture
async def clients(fresh_nats):
    """Makes clients, which are closed at the end."""
    async with AsyncExitStack() as opened:

        async def another():
            client = await connect(fresh_nats.url, name="test")
            opened.push_async_callback(client.close)
            return client

        yield another


@pytest.fixture
async def client(clients):
    return await clients()


@pytest.fixture
def js(client):
    return client.jetstream(timeout=5)
