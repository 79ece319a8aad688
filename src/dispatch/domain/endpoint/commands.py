"""What may be asked about an endpoint."""

from datetime import datetime

import msgspec


class EndpointCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked about one endpoint."""

    endpoint_id: str
    at: datetime
    by: str


class RegisterEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """Tell it of these events; one that was removed may come back otherwise."""

    name: str
    url: str
    types: tuple[str, ...]
    batches: tuple[str, ...]
    secret_id: str


class ChangeEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """Another URL, or other filters; None leaves what is."""

    url: str | None = None
    types: tuple[str, ...] | None = None
    batches: tuple[str, ...] | None = None


class RotateSecret(EndpointCommand, frozen=True, kw_only=True):
    """Sign under a new secret; the one in use stays valid until `old_until`."""

    secret_id: str
    old_until: datetime


class DisableEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """Send nothing to it for now."""

    reason: str


class EnableEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """Send to it again."""


class RemoveEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """Tell it of nothing any more."""


class RequestReplay(EndpointCommand, frozen=True, kw_only=True):
    """Send once more what was recorded since then."""

    since: datetime


Command = (
    RegisterEndpoint | ChangeEndpoint | RotateSecret | DisableEndpoint | EnableEndpoint | RemoveEndpoint | RequestReplay
)
