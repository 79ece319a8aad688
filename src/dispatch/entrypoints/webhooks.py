"""Wires what webhooks to endpoints need: the desk for the doors, and what the role runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any
from uuid import uuid4

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
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
from dispatch.application.webhooks.endpoints import EndpointsNow
from dispatch.entrypoints.settings import PREFIX, Settings, SettingsError


def wire_endpoints(
    ledger: EventLedger, pool: ConnectionPool[psycopg.Connection[Any]], keyring: Keyring, settings: Settings
) -> EndpointDesk:
    """The desk. It makes a sender whenever one is asked for: clients belong to the event loop that uses them.

    Raises SettingsError: the file of authorities cannot be read.
    """
    guard = AddressGuard(settings.endpoint_private_hosts, SETTING)
    queue, secrets, authorities = PostgresWebhookQueue(pool), DerivedSecrets(keyring), read_authorities(settings)

    def open_sender() -> PyreqwestSender:
        return PyreqwestSender(guard, authorities=authorities)

    return EndpointDesk(ledger, queue, open_sender, secrets, utc_now, lambda: str(uuid4()))


def read_authorities(settings: Settings) -> list[bytes]:
    """The certificates (DER) of the authorities that endpoints are believed by. Raises SettingsError."""
    if not settings.endpoint_ca_file:
        return []
    where = f"{PREFIX}ENDPOINT_CA_FILE"
    try:
        found = x509.load_pem_x509_certificates(Path(settings.endpoint_ca_file).read_bytes())
    except OSError as error:
        raise SettingsError(f"{where}: {settings.endpoint_ca_file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        what = "holds no certificates in PEM form (-----BEGIN CERTIFICATE-----)"
        raise SettingsError(f"{where}: {settings.endpoint_ca_file} {what}") from error
    return [certificate.public_bytes(Encoding.DER) for certificate in found]


@dataclass(frozen=True)
class Webhooks:
    """What the webhooks role does, on the running event loop."""

    endpoints: EndpointsNow
    deliver: Deliver


@asynccontextmanager
async def open_webhooks(desk: EndpointDesk) -> AsyncIterator[Webhooks]:
    """The endpoints, and sending to them."""
    sender = desk.open_sender()
    try:
        yield Webhooks(
            EndpointsNow(desk.ledger, desk.queue),
            Deliver(desk.ledger, desk.queue, sender, desk.secrets, desk.clock, SystemRandom().random),
        )
    finally:
        await sender.close()
