"""What deciding about an endpoint, and sending to it, needs to know."""

from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec
from msgspec.structs import replace

from dispatch.domain.endpoint.events import (
    EndpointChanged,
    EndpointDisabled,
    EndpointEnabled,
    EndpointRegistered,
    EndpointRemoved,
    EndpointReplayRequested,
    EndpointSecretRotated,
    Event,
)


class EndpointStatus(StrEnum):
    """Is anything sent to it?"""

    ACTIVE = "active"
    DISABLED = "disabled"
    REMOVED = "removed"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as its events made it; without a name there is none."""

    endpoint_id: str = ""
    name: str = ""
    url: str = ""
    types: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
    secret_id: str = ""
    old_secret_id: str = ""
    old_until: datetime | None = None
    status: EndpointStatus = EndpointStatus.REMOVED
    disabled_reason: str = ""
    replay_at: datetime | None = None  # When one was asked for last, and since when.
    replay_since: datetime | None = None

    def wants(self, kind: str, batch_id: str) -> bool:
        """Is it told of an event of this public type that belongs to this batch?"""
        return self.wants_batch(batch_id) and any(fnmatchcase(kind, pattern) for pattern in self.types)

    def wants_batch(self, batch_id: str) -> bool:
        """Is it told of this batch at all?"""
        return not self.batches or batch_id in self.batches

    def secret_ids(self, now: datetime) -> list[str]:
        """The secrets to sign under, the newest first."""
        is_overlap = self.old_secret_id and self.old_until is not None and now < self.old_until
        return [self.secret_id, self.old_secret_id] if is_overlap else [self.secret_id]


def evolve(endpoint: Endpoint, event: Event) -> Endpoint:
    """The endpoint after this event."""
    match event:
        case EndpointRegistered():
            return Endpoint(
                endpoint_id=event.endpoint_id,
                name=event.name,
                url=event.url,
                types=event.types,
                batches=event.batches,
                secret_id=event.secret_id,
                status=EndpointStatus.ACTIVE,
            )
        case EndpointChanged(url=url, types=types, batches=batches):
            return replace(endpoint, url=url, types=types, batches=batches)
        case EndpointSecretRotated(secret_id=secret_id, old_until=old_until):
            return replace(endpoint, secret_id=secret_id, old_secret_id=endpoint.secret_id, old_until=old_until)
        case EndpointDisabled(reason=reason):
            return replace(endpoint, status=EndpointStatus.DISABLED, disabled_reason=reason)
        case EndpointEnabled():
            return replace(endpoint, status=EndpointStatus.ACTIVE, disabled_reason="")
        case EndpointRemoved():
            return replace(endpoint, status=EndpointStatus.REMOVED)
        case EndpointReplayRequested(at=at, since=since):
            return replace(endpoint, replay_at=at, replay_since=since)
