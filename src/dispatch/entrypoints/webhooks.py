"""Wires what webhooks to endpoints need: the desk for the doors, and what the role runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import Any
from uuid import uuid4

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.outbound.addresses import AddressGuard
from dispatch.adapters.postgres.webhook_queue import PostgresWebhookQueue
from dispatch.adapters.privacy.keyring import Keyring
from dispatch.adapters.webhooks.secrets import DerivedSecrets
from dispatch.adapters.webhooks.sender import SETTING, PyreqwestSender
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import EventLedger
from dispatch.application.webhooks.deliver import Deliver
from dispatch.application.webhooks.desk import EndpointDesk
from dispatch.application.webhooks.follow import FollowLedger


def wire_endpoints(
    ledger: EventLedger, pool: ConnectionPool[psycopg.Connection[Any]], keyring: Keyring, private_hosts: str
) -> EndpointDesk:
    """The desk. It makes a sender whenever one is asked for: clients belong to the event loop that uses them."""
    guard, queue, secrets = AddressGuard(private_hosts, SETTING), PostgresWebhookQueue(pool), DerivedSecrets(keyring)
    return EndpointDesk(ledger, queue, lambda: PyreqwestSender(guard), secrets, utc_now, lambda: str(uuid4()))


@dataclass(frozen=True)
class Webhooks:
    """What the webhooks role does, on the running event loop."""

    follow: FollowLedger
    deliver: Deliver


@asynccontextmanager
async def open_webhooks(desk: EndpointDesk) -> AsyncIterator[Webhooks]:
    """Following the ledger for endpoints, and sending to them."""
    sender = desk.open_sender()
    try:
        yield Webhooks(
            FollowLedger(desk.ledger, desk.queue, desk.clock),
            Deliver(desk.ledger, desk.queue, sender, desk.secrets, desk.clock, SystemRandom().random),
        )
    finally:
        await sender.close()
