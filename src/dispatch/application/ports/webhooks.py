"""What webhooks to endpoints need: the queue of messages with its log of attempts, and somebody who sends."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from dispatch.domain.endpoint.state import Endpoint, EndpointStatus


class MessageStatus(StrEnum):
    """Where a message is."""

    DUE = "due"  # To be sent at `due_at`.
    DELIVERED = "delivered"
    DEAD = "dead"  # The schedule is spent; a replay sends it once more.


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event for one endpoint. `attempts` were made before."""

    endpoint_id: str
    position: int
    message_id: str
    body: bytes
    attempts: int = 0
    due_at: datetime
    first_at: datetime | None = None  # The first attempt.


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of one attempt. `status` is 0 where there was no answer; `error` is empty for 2xx."""

    status: int = 0
    error: str = ""
    excerpt: str = ""
    retry_after_s: float = 0.0
    took_ms: float = 0.0


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An attempt, and what follows from it."""

    message: Message
    at: datetime
    answer: Answer
    status: MessageStatus
    due_at: datetime


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as the log shows it."""

    attempt_id: int
    message_id: str
    position: int
    attempt: int
    at: datetime
    took_ms: float
    http_status: int
    error: str
    excerpt: str
    message_status: str


class EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as it is listed."""

    endpoint_id: str
    name: str
    url: str
    types: list[str]
    batches: list[str]
    status: EndpointStatus
    disabled_reason: str
    registered_at: datetime
    changed_at: datetime


class Replay(msgspec.Struct, frozen=True):
    """What is still to be sent once more: events behind `after`, up to `until`."""

    endpoint_id: str
    after: int
    until: int


class Overtaken(Exception):
    """Another one follows the ledger as well, and was faster."""


class WebhookQueue(Protocol):
    """Messages that are to be sent, and the log of attempts. Raises LedgerUnavailable."""

    def prepare(self) -> None:
        """Make the queue where it is missing."""
        ...

    def position(self) -> int:
        """How far the ledger was followed."""
        ...

    def met(self) -> dict[str, int]:
        """By its id each endpoint that was met, removed ones too: a number that is another one when it has changed."""
        ...

    def meet(self, endpoint_ids: Sequence[str]) -> None:
        """Know these endpoints, which are new or have changed; they may not have been followed yet."""
        ...

    def put(
        self, after: int, position: int, messages: Sequence[Message], met: Sequence[str], replays: Sequence[Replay]
    ) -> None:
        """Note messages, endpoints, replays and the new position, all or none. Raises Overtaken."""
        ...

    def replays(self) -> list[Replay]:
        """What is to be sent once more."""
        ...

    def put_again(self, replay: Replay, messages: Sequence[Message]) -> None:
        """Make these messages due as if they were new; `replay` is what is left then."""
        ...

    def pending(self, endpoint_ids: Sequence[str], now: datetime) -> list[str]:
        """Those of these endpoints for which something is due."""
        ...

    def due(self, endpoint_id: str, now: datetime, behind: tuple[datetime, int] | None, limit: int) -> list[Message]:
        """Up to so many due messages of an endpoint by due time, behind the last one seen."""
        ...

    def record(self, attempts: Sequence[Attempt]) -> datetime | None:
        """Log attempts of one endpoint and what follows: what was delivered leaves the queue.

        Answers since when nothing got through, None: it does.
        """
        ...

    def log(self, endpoint_id: str, before: int | None, limit: int) -> list[AttemptRow]:
        """The last attempts of an endpoint, the newest first."""
        ...

    def drop(self, endpoint_id: str) -> None:
        """Forget what waits for an endpoint that was removed."""
        ...

    def forget(self, before: datetime) -> int:
        """Remove attempts and settled messages that are older; answers how many attempts."""
        ...


class WebhookSender(Protocol):
    """Sends signed messages, and only to where that is allowed."""

    def check(self, url: str) -> None:
        """Could webhooks be sent there? Nobody is asked but the resolver. Raises EndpointUrlInvalid."""
        ...

    async def open(self, endpoint: Endpoint) -> str:
        """Vet where it is now, before some messages; empty when it may be sent to, else the error code.

        What is sent from then on goes where was vetted last; what is in flight by then is finished.
        """
        ...

    async def send(self, endpoint: Endpoint, message_id: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One attempt. Never raises for what the receiver does."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class EndpointSecrets(Protocol):
    """The secrets that sign."""

    def secret(self, endpoint_id: str, secret_id: str) -> bytes:
        """A secret by its id. Raises KeyMissing, LedgerUnavailable."""
        ...
