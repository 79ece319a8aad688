"""What people decide about endpoints."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.webhooks import (
    Attempt,
    AttemptRow,
    EndpointRow,
    EndpointSecrets,
    Message,
    WebhookQueue,
    WebhookSender,
)
from dispatch.application.webhooks.deliver import Deliver
from dispatch.application.webhooks.signing import secret_text
from dispatch.domain import identity
from dispatch.domain.endpoint.commands import (
    ChangeEndpoint,
    Command,
    DisableEndpoint,
    EnableEndpoint,
    RegisterEndpoint,
    RemoveEndpoint,
    RequestReplay,
    RotateSecret,
)
from dispatch.domain.endpoint.decide import EndpointUnknown, decider
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus

OVERLAP_HOURS = 24.0
OVERLAP_HOURS_MAX = 24 * 30
TEST_TYPE = "endpoint.test"


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint is to be told, and where. Without `batches`: of all of them."""

    name: str
    url: str
    types: tuple[str, ...] = ("*",)
    batches: tuple[str, ...] = ()


class EndpointChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Another URL or other filters; what is left out stays as it is."""

    url: str | None = None
    types: tuple[str, ...] | None = None
    batches: tuple[str, ...] | None = None


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """So long the secret in use signs beside the new one."""

    overlap_hours: Annotated[float, msgspec.Meta(ge=0, le=OVERLAP_HOURS_MAX)] = OVERLAP_HOURS


@dataclass(frozen=True)
class EndpointDesk:
    """Registers, changes, tests, disables, enables and removes endpoints.

    Every method raises EndpointUnknown for a name that nobody has, and LedgerUnavailable: the same may be asked again.
    """

    ledger: EventLedger
    queue: WebhookQueue
    open_sender: Callable[[], WebhookSender]
    secrets: EndpointSecrets
    clock: Clock
    new_id: Callable[[], str]

    def register(self, new: NewEndpoint, by: str) -> str:
        """Tell it from now on; answers its secret, empty when it was registered before, just so.

        Raises DomainError: as the rules of endpoints.
        """
        command = RegisterEndpoint(
            endpoint_id=identity.endpoint_id(new.name),
            at=self.clock(),
            by=by,
            name=new.name,
            url=new.url,
            types=new.types,
            batches=new.batches,
            secret_id=self.new_id(),
        )
        decider.decide(command, decider.initial())  # The rules first: nobody is asked for what can never be.
        self.open_sender().check(new.url)
        is_new = self._handle(command)
        return self._secret(new.name) if is_new else ""

    def change(self, name: str, changes: EndpointChanges, by: str) -> bool:
        """Another URL or other filters; False when nothing changes. Raises DomainError."""
        if changes.url is not None:
            self.open_sender().check(changes.url)
        values = msgspec.structs.asdict(changes)
        return self._handle(ChangeEndpoint(endpoint_id=identity.endpoint_id(name), at=self.clock(), by=by, **values))

    def rotate(self, name: str, by: str, overlap_hours: float = OVERLAP_HOURS) -> str:
        """Sign under a new secret, which is the answer, and for a while under the old one too."""
        at = self.clock()
        until = at + timedelta(hours=overlap_hours)
        endpoint_id, secret_id = identity.endpoint_id(name), self.new_id()
        self._handle(RotateSecret(endpoint_id=endpoint_id, at=at, by=by, secret_id=secret_id, old_until=until))
        return self._secret(name)

    def disable(self, name: str, by: str, reason: str = "") -> bool:
        """Send nothing for now; False when it was disabled."""
        endpoint_id = identity.endpoint_id(name)
        return self._handle(DisableEndpoint(endpoint_id=endpoint_id, at=self.clock(), by=by, reason=reason))

    def enable(self, name: str, by: str) -> bool:
        """Send again; False when it was not disabled."""
        return self._handle(EnableEndpoint(endpoint_id=identity.endpoint_id(name), at=self.clock(), by=by))

    def remove(self, name: str, by: str) -> bool:
        """Tell it of nothing any more; False when it was removed."""
        return self._handle(RemoveEndpoint(endpoint_id=identity.endpoint_id(name), at=self.clock(), by=by))

    def replay(self, name: str, since: datetime, by: str) -> bool:
        """Send once more what was recorded since then. Raises ReplayInFuture."""
        return self._handle(RequestReplay(endpoint_id=identity.endpoint_id(name), at=self.clock(), by=by, since=since))

    def test(self, name: str) -> Attempt:
        """Send a test message now, also to an endpoint that is disabled, and log what came of it."""
        endpoint, at = self._endpoint(name), self.clock()
        body = msgspec.json.encode({"type": TEST_TYPE, "timestamp": at, "data": {"endpoint": name}})
        message = Message(
            endpoint_id=endpoint.endpoint_id, position=0, message_id=f"msg_{self.new_id()}", body=body, due_at=at
        )

        async def once() -> Attempt:
            sender = self.open_sender()
            deliver = Deliver(self.ledger, self.queue, sender, self.secrets, self.clock, lambda: 0.5)
            try:
                return await deliver.send_one(endpoint, message)
            finally:
                await sender.close()

        return asyncio.run(once())

    def show(self, name: str) -> EndpointRow:
        """The endpoint as the ledger has it now."""
        endpoint = self._endpoint(name)
        trace = self.ledger.trace(endpoint.endpoint_id)
        return EndpointRow(
            endpoint_id=endpoint.endpoint_id,
            name=name,
            url=endpoint.url,
            types=list(endpoint.types),
            batches=list(endpoint.batches),
            status=endpoint.status,
            disabled_reason=endpoint.disabled_reason,
            registered_at=trace[0].event.at,
            changed_at=trace[-1].event.at,
        )

    def list_all(self) -> list[EndpointRow]:
        """Those that are not removed, by name."""
        found: list[EndpointRow] = []
        for history in self.ledger.load_many(list(self.queue.met())).values():
            endpoint: Endpoint = decider.fold(history.events)  # type: ignore[arg-type]  # Of an endpoint's stream.
            if endpoint.status is not EndpointStatus.REMOVED:
                found.append(self.show(endpoint.name))
        return sorted(found, key=lambda row: row.name)

    def deliveries(self, name: str, before: int | None = None, limit: int = 50) -> list[AttemptRow]:
        """The last attempts, the newest first."""
        return self.queue.log(self._endpoint(name).endpoint_id, before, limit)

    def _endpoint(self, name: str) -> Endpoint:
        events = self.ledger.load(identity.endpoint_id(name)).events
        endpoint = decider.fold(events)  # type: ignore[arg-type]  # Of an endpoint's stream.
        if endpoint.status is EndpointStatus.REMOVED:
            raise EndpointUnknown
        return endpoint

    def _secret(self, name: str) -> str:
        endpoint = self._endpoint(name)
        return secret_text(self.secrets.secret(endpoint.endpoint_id, endpoint.secret_id))

    def _handle(self, command: Command) -> bool:
        endpoint_id = command.endpoint_id
        asked = identity.command_id(endpoint_id, type(command).__name__, command.at)
        cause = Cause(command_id=asked, correlation_id=endpoint_id, actor=command.by)
        made = handle(self.ledger, decider, endpoint_id, command, cause)
        self.queue.meet([endpoint_id])  # Whoever sends to it looks again.
        return bool(made)
