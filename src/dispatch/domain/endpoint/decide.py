"""The rules of endpoints."""

import re

from dispatch.domain.decider import Decider
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
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus, evolve
from dispatch.domain.errors import DomainError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
TYPE = re.compile(r"\*|(?:batch|job)\.(?:\*|[a-z][a-z_]{0,60})", re.ASCII)
BATCH = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
FILTERS_MAX = 100
URL_CHARACTERS_MAX = 2_000


class EndpointUnknown(DomainError):
    """There is no such endpoint."""

    code = "endpoint_unknown"


class EndpointExists(DomainError):
    """There is an endpoint of this name, and it is another one."""

    code = "endpoint_exists"


class EndpointNameInvalid(DomainError):
    """An endpoint's name is made of a-z, 0-9, - and _, at most 63 of them, and does not begin with - or _."""

    code = "endpoint_name_invalid"


class EndpointFilterInvalid(DomainError):
    """A filter is a type such as job.delivered, all of a kind (job.*, batch.*), all (*), or the id of a batch."""

    code = "endpoint_filter_invalid"


class EndpointUrlInvalid(DomainError):
    """Webhooks cannot be sent to this address."""

    code = "endpoint_url_invalid"


class ReplayInFuture(DomainError):
    """What has not happened yet cannot be sent once more."""

    code = "replay_in_future"


def decide(command: Command, endpoint: Endpoint) -> list[Event]:
    """The events that this command makes of this endpoint; none when it was carried out before.

    Raises:
        EndpointUnknown, EndpointExists, EndpointNameInvalid, EndpointFilterInvalid, EndpointUrlInvalid,
            ReplayInFuture: the command breaks a rule.
    """
    if isinstance(command, RegisterEndpoint):
        return _register(command, endpoint)
    is_removed = endpoint.status is EndpointStatus.REMOVED
    if not endpoint.name or (is_removed and not isinstance(command, RemoveEndpoint)):
        raise EndpointUnknown
    identity, at, by = command.endpoint_id, command.at, command.by
    match command:
        case ChangeEndpoint():
            return _change(command, endpoint)
        case RotateSecret(secret_id=secret_id, old_until=old_until):
            if secret_id == endpoint.secret_id:
                return []
            return [EndpointSecretRotated(endpoint_id=identity, at=at, secret_id=secret_id, old_until=old_until, by=by)]
        case DisableEndpoint(reason=reason):
            is_done = endpoint.status is EndpointStatus.DISABLED
            return [] if is_done else [EndpointDisabled(endpoint_id=identity, at=at, reason=reason, by=by)]
        case EnableEndpoint():
            is_done = endpoint.status is EndpointStatus.ACTIVE
            return [] if is_done else [EndpointEnabled(endpoint_id=identity, at=at, by=by)]
        case RemoveEndpoint():
            return [] if is_removed else [EndpointRemoved(endpoint_id=identity, at=at, by=by)]
        case RequestReplay(since=since):
            if since > at:
                raise ReplayInFuture(since)
            is_done = (endpoint.replay_at, endpoint.replay_since) == (at, since)
            return [] if is_done else [EndpointReplayRequested(endpoint_id=identity, at=at, since=since, by=by)]


def _register(command: RegisterEndpoint, endpoint: Endpoint) -> list[Event]:
    if not NAME.fullmatch(command.name):
        raise EndpointNameInvalid
    _check(command.url, command.types, command.batches)
    if endpoint.status is not EndpointStatus.REMOVED:
        same = (command.url, command.types, command.batches) == (endpoint.url, endpoint.types, endpoint.batches)
        if same:
            return []
        raise EndpointExists(command.name)
    return [
        EndpointRegistered(
            endpoint_id=command.endpoint_id,
            at=command.at,
            name=command.name,
            url=command.url,
            types=command.types,
            batches=command.batches,
            secret_id=command.secret_id,
            by=command.by,
        )
    ]


def _change(command: ChangeEndpoint, endpoint: Endpoint) -> list[Event]:
    url = endpoint.url if command.url is None else command.url
    types = endpoint.types if command.types is None else command.types
    batches = endpoint.batches if command.batches is None else command.batches
    _check(url, types, batches)
    if (url, types, batches) == (endpoint.url, endpoint.types, endpoint.batches):
        return []
    identity, at, by = command.endpoint_id, command.at, command.by
    return [EndpointChanged(endpoint_id=identity, at=at, url=url, types=types, batches=batches, by=by)]


def _check(url: str, types: tuple[str, ...], batches: tuple[str, ...]) -> None:
    if not url or len(url) > URL_CHARACTERS_MAX or not (url.isascii() and url.isprintable()):
        raise EndpointUrlInvalid("empty, too long, or not printable ASCII")
    if not types or len(types) + len(batches) > FILTERS_MAX:
        raise EndpointFilterInvalid(f"from one type up to {FILTERS_MAX} filters in all")
    for pattern, given in ((TYPE, types), (BATCH, batches)):
        for each in given:
            if not pattern.fullmatch(each):
                raise EndpointFilterInvalid(each[:80])


decider: Decider[Command, Event, Endpoint] = Decider(initial=Endpoint, decide=decide, evolve=evolve)
