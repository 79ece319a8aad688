"""Sends what is due, each endpoint on its own: one that is slow or gone holds up no other."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

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
from dispatch.application.webhooks.signing import signed_headers
from dispatch.domain import identity
from dispatch.domain.endpoint.commands import DisableEndpoint
from dispatch.domain.endpoint.decide import EndpointUnknown, decider
from dispatch.domain.endpoint.schedule import delay_s
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus

log = structlog.get_logger(__name__)

ACTOR = "webhooks"
GONE = "gone"  # It answered 410: RFC 9110, section 15.5.11.
SPENT = "schedule_spent"  # For a whole schedule nothing got through.
HTTP_GONE, HTTP_TOO_MANY, HTTP_UNAVAILABLE = 410, 429, 503
IN_FLIGHT_MAX = 100
"""Requests to one endpoint at once."""
PAGE = 1_000


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
        """Send all that is due now, page by page; answers how many attempts were made. `look` tells the endpoint now.

        Raises LedgerUnavailable, KeyMissing: what was sent and not recorded is sent again.
        """
        made, behind, now = 0, None, self._clock()
        recording: asyncio.Task[bool] | None = None
        try:
            while (endpoint := look()).status is EndpointStatus.ACTIVE:
                page = await asyncio.to_thread(self._queue.due, endpoint_id, now, behind, PAGE)
                if not page:
                    break
                behind = page[-1].due_at, page[-1].position
                attempts = await self._send(endpoint, page)
                is_disabled = recording is not None and await recording
                recording = asyncio.create_task(self._record(endpoint, attempts))  # While the next page is sent.
                made += len(attempts)
                if is_disabled:
                    break
        finally:
            if recording is not None:
                await recording
        return made

    async def send_one(self, endpoint: Endpoint, message: Message) -> Attempt:
        """Send and log one message now, and never again: for tests of an endpoint."""
        [attempt] = await self._send(endpoint, [message])
        if attempt.status is MessageStatus.DUE:
            attempt = msgspec.structs.replace(attempt, status=MessageStatus.DEAD)
        await asyncio.to_thread(self._queue.record, [attempt])
        return attempt

    async def _send(self, endpoint: Endpoint, page: list[Message]) -> list[Attempt]:
        refused = await self._sender.open(endpoint)
        ids = endpoint.secret_ids(self._clock())
        secrets = [await asyncio.to_thread(self._secrets.secret, endpoint.endpoint_id, each) for each in ids]
        attempts: list[Attempt] = []
        waiting, is_gone = iter(page), False

        async def lane() -> None:
            nonlocal is_gone
            for message in waiting:
                if is_gone:
                    return
                at = self._clock()
                headers = signed_headers(message.message_id, at, message.body, secrets)
                answer = Answer(error=refused)
                if not refused:
                    answer = await self._sender.send(endpoint, message.message_id, headers, message.body)
                attempts.append(self._judged(message, answer))
                is_gone = is_gone or answer.status == HTTP_GONE

        await asyncio.gather(*(lane() for _ in range(min(IN_FLIGHT_MAX, len(page)))))
        return attempts

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

    async def _record(self, endpoint: Endpoint, attempts: list[Attempt]) -> bool:
        """Record them; True when the endpoint was disabled over it."""
        failing_since = await asyncio.to_thread(self._queue.record, attempts)
        reason = ""
        if any(attempt.answer.status == HTTP_GONE for attempt in attempts):
            reason = GONE
        elif failing_since is not None and any(
            attempt.status is MessageStatus.DEAD and failing_since <= (attempt.message.first_at or attempt.at)
            for attempt in attempts
        ):
            reason = SPENT
        if reason:
            await asyncio.to_thread(self._disable, endpoint, reason)
        return bool(reason)

    def _disable(self, endpoint: Endpoint, reason: str) -> None:
        identity_, at = endpoint.endpoint_id, self._clock()
        command = DisableEndpoint(endpoint_id=identity_, at=at, reason=reason, by=ACTOR)
        asked = identity.command_id(identity_, "DisableEndpoint", at)
        cause = Cause(command_id=asked, correlation_id=identity_, actor=ACTOR)
        with suppress(EndpointUnknown):  # It was removed meanwhile.
            if handle(self._ledger, decider, identity_, command, cause):
                log.warning("endpoint.disabled", endpoint=endpoint.name, reason=reason)
