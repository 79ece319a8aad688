"""Sends what is due, each endpoint on its own: one that is slow or gone holds up no other."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
import structlog

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.webhooks import (
    Answer,
    Attempt,
    EndpointSecrets,
    Message,
    MessageStatus,
    WebhookQueue,
    WebhookSender,
)
from dispatch.application.webhooks.conveyor import HTTP_GONE, Conveyor, Post
from dispatch.application.webhooks.signing import signed_headers
from dispatch.domain import identity
from dispatch.domain.endpoint.commands import DisableEndpoint
from dispatch.domain.endpoint.decide import EndpointUnknown, decider
from dispatch.domain.endpoint.schedule import delay_s
from dispatch.domain.endpoint.state import Endpoint

log = structlog.get_logger(__name__)

ACTOR = "webhooks"
GONE = "gone"  # It answered 410: RFC 9110, section 15.5.11.
SPENT = "schedule_spent"  # For a whole schedule nothing got through.
HTTP_TOO_MANY, HTTP_UNAVAILABLE = 429, 503


class Deliver:
    """Delivers the due messages of one endpoint. The outcome of every attempt is recorded; a crash in between sends
    again, under the same id."""

    def __init__(
        self,
        ledger: EventLedger,
        queue: WebhookQueue,
        sender: WebhookSender,
        secrets: EndpointSecrets,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._ledger, self._queue, self._sender, self._secrets = ledger, queue, sender, secrets
        self._clock, self._chance = clock, chance

    async def __call__(self, endpoint_id: str, look: Callable[[], Endpoint]) -> int:
        """Send until nothing is due; answers how many attempts were made. `look` tells the endpoint now.

        Raises LedgerUnavailable, KeyMissing: what was sent and not recorded is sent again.
        """

        endpoint = look()

        def due(behind: tuple[datetime, int] | None, limit: int) -> list[Message]:
            return self._queue.due(endpoint_id, self._clock(), behind, limit)

        def record(attempts: list[Attempt]) -> bool:
            return self._record(endpoint, attempts)

        return await Conveyor(look, due, self._vet, record).run()

    async def send_one(self, endpoint: Endpoint, message: Message) -> Attempt:
        """Send and log one message now, and never again: for tests of an endpoint."""
        post = await self._vet(endpoint)
        attempt = await post(message)
        if attempt.status is MessageStatus.DUE:
            attempt = msgspec.structs.replace(attempt, status=MessageStatus.DEAD)
        await asyncio.to_thread(self._queue.record, [attempt])
        return attempt

    async def _vet(self, endpoint: Endpoint) -> Post:
        """Look where the endpoint is and under which secrets it is sent to; answers what sends a message there."""
        refused = await self._sender.open(endpoint)
        ids = endpoint.secret_ids(self._clock())
        secrets = [await asyncio.to_thread(self._secrets.secret, endpoint.endpoint_id, each) for each in ids]

        async def post(message: Message) -> Attempt:
            if refused:
                return self._judged(message, Answer(error=refused))
            headers = signed_headers(message.message_id, self._clock(), message.body, secrets)
            return self._judged(message, await self._sender.send(endpoint, message.message_id, headers, message.body))

        return post

    def _judged(self, message: Message, answer: Answer) -> Attempt:
        now = self._clock()
        if not answer.error:
            return Attempt(message=message, at=now, answer=answer, status=MessageStatus.DELIVERED, due_at=now)
        asked = answer.retry_after_s if answer.status in (HTTP_TOO_MANY, HTTP_UNAVAILABLE) else 0.0
        delay = delay_s(message.attempts + 1, self._chance(), asked)
        if delay is None:
            return Attempt(message=message, at=now, answer=answer, status=MessageStatus.DEAD, due_at=now)
        due_at = now + timedelta(seconds=delay)
        return Attempt(message=message, at=now, answer=answer, status=MessageStatus.DUE, due_at=due_at)

    def _record(self, endpoint: Endpoint, attempts: list[Attempt]) -> bool:
        """Record them; True when the endpoint was disabled over it."""
        failing_since = self._queue.record(attempts)
        reason = ""
        if any(attempt.answer.status == HTTP_GONE for attempt in attempts):
            reason = GONE
        elif failing_since is not None and any(
            attempt.status is MessageStatus.DEAD and failing_since <= (attempt.message.first_at or attempt.at)
            for attempt in attempts
        ):
            reason = SPENT
        if reason:
            self._disable(endpoint, reason)
        return bool(reason)

    def _disable(self, endpoint: Endpoint, reason: str) -> None:
        identity_, at = endpoint.endpoint_id, self._clock()
        command = DisableEndpoint(endpoint_id=identity_, at=at, reason=reason, by=ACTOR)
        asked = identity.command_id(identity_, "DisableEndpoint", at)
        cause = Cause(command_id=asked, correlation_id=identity_, actor=ACTOR)
        with suppress(EndpointUnknown):  # It was removed meanwhile.
            if handle(self._ledger, decider, identity_, command, cause):
                self._queue.meet([identity_])  # Whoever sends to it looks again.
                log.warning("endpoint.disabled", endpoint=endpoint.name, reason=reason)
