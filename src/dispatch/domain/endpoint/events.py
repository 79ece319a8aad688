"""What has happened to an endpoint. Names and fields are stored: extend them, never rename."""

from datetime import datetime

import msgspec


class EndpointEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about one endpoint; its id comes from its name. No secret is in it: `secret_id` only names one."""

    endpoint_id: str
    at: datetime


class EndpointRegistered(EndpointEvent, frozen=True, kw_only=True):
    """From here on it is told of events of these types (`job.*` for all of a kind), of these batches or of all."""

    name: str
    url: str
    types: tuple[str, ...]
    batches: tuple[str, ...]
    secret_id: str
    by: str


class EndpointChanged(EndpointEvent, frozen=True, kw_only=True):
    """It is elsewhere, or is told of something else."""

    url: str
    types: tuple[str, ...]
    batches: tuple[str, ...]
    by: str


class EndpointSecretRotated(EndpointEvent, frozen=True, kw_only=True):
    """Messages are signed under a new secret, and under the one before too until `old_until`."""

    secret_id: str
    old_until: datetime
    by: str


class EndpointDisabled(EndpointEvent, frozen=True, kw_only=True):
    """Nothing is sent to it until it is enabled: a person's wish, or its own doing (`gone`, `schedule_spent`)."""

    reason: str
    by: str


class EndpointEnabled(EndpointEvent, frozen=True, kw_only=True):
    """It is sent to again."""

    by: str


class EndpointRemoved(EndpointEvent, frozen=True, kw_only=True):
    """It is told of nothing any more, and what waited for it is dropped."""

    by: str


class EndpointReplayRequested(EndpointEvent, frozen=True, kw_only=True):
    """All that it would have been told of since then is sent once more, under the same message ids."""

    since: datetime
    by: str


Event = (
    EndpointRegistered
    | EndpointChanged
    | EndpointSecretRotated
    | EndpointDisabled
    | EndpointEnabled
    | EndpointRemoved
    | EndpointReplayRequested
)
