"""What a role is given: the application, the connection to NATS, and the events of its life."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from nats.aio.client import Client

from dispatch.adapters.nats.following import either
from dispatch.adapters.nats.wakeups import Wakeups
from dispatch.entrypoints.bootstrap import App

__all__ = ["RoleContext", "either"]


@dataclass(frozen=True)
class RoleContext:
    """A role runs until `stop` is set, and then finishes what it has in hand."""

    app: App
    nats: Client
    wakeups: Wakeups
    stop: asyncio.Event
    on_ready: Callable[[str], None]  # Told once, with a word about it: the API says its URL.
