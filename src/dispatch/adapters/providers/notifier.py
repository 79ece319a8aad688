"""A notifier over HTTP: POST /messages under an idempotency key, GET /messages/{id}."""

from typing import Annotated
from urllib.parse import quote

import msgspec
from pyreqwest.client import Client

from dispatch.adapters.providers.http import bearer, call, endpoint
from dispatch.application.ports.providers import Message, Notifier, ProviderRefused
from dispatch.domain.job.receipt_status import ReceiptStatus


class _Accepted(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Receipt(msgspec.Struct):
    status: ReceiptStatus


_accepted = msgspec.json.Decoder(_Accepted)
_receipts = msgspec.json.Decoder(_Receipt)
# In a fixed order, so that the same message is the same bytes: providers refuse a key that returns with another body.
_messages = msgspec.json.Encoder(order="deterministic")


class HttpNotifier(Notifier):
    """Sends to `{base_url}/messages`, with the key as a bearer token and an `Idempotency-Key` header.

    The header is as in draft-ietf-httpapi-idempotency-key-header.
    """

    def __init__(self, client: Client, base_url: str, api_key: str = "") -> None:
        self._client, self._url, self._headers = client, endpoint(base_url, "messages"), bearer(api_key)
        self._receipts_url = f"{self._url}/"

    async def send(self, message: Message) -> str:
        headers = {**self._headers, "Idempotency-Key": message.idempotency_key, "Content-Type": "application/json"}
        request = self._client.post(self._url).headers(headers).body_bytes(_messages.encode(message)).build()
        return (await call(request, _accepted, about=[message.to, *message.variables.values()])).id

    async def lookup(self, idempotency_key: str) -> str | None:
        asked = self._client.get(self._url).query({"idempotency_key": idempotency_key}).headers(self._headers)
        try:
            return (await call(asked.build(), _accepted)).id
        except ProviderRefused as refusal:
            if refusal.code in ("no_such_message", "http_404"):
                return None
            raise

    async def receipt(self, message_id: str) -> ReceiptStatus:
        request = self._client.get(self._receipts_url + quote(message_id, safe="")).headers(self._headers).build()
        return (await call(request, _receipts)).status
