"""The file that declares providers: several per capability, in the order in which they are asked."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from dispatch.application.calling.line import Capability, InDoubt, ProviderSpec
from dispatch.application.ports.providers import Channel
from dispatch.domain.gcra import Rate
from dispatch.entrypoints.settings import PREFIX, Settings, SettingsError

WHERE = f"{PREFIX}PROVIDERS_FILE"
MILLIPENCE = 1000
PENCE = 100


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[provider]]` table. Times are seconds."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    capability: Capability
    url: str = ""  # Empty: what the setting of the capability says.
    api_key_file: str = ""  # Empty: DISPATCH_PROVIDER_API_KEY.
    channels: tuple[Channel, ...] = ()
    timeout_s: Annotated[float, Meta(gt=0, le=3600)] | None = None
    in_flight_max: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    calls: Annotated[int, Meta(ge=1)] | None = None
    per_s: Annotated[float, Meta(gt=0)] = 1.0
    price_pence: Annotated[float, Meta(ge=0)] = 0.0
    cap_pounds_a_day: Annotated[float, Meta(ge=0)] | None = None
    in_doubt: InDoubt = InDoubt.REPEAT


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: tuple[_Entry, ...]


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, and how it is reached."""

    spec: ProviderSpec
    url: str
    api_key: str
    timeout_s: float


def declared_providers(settings: Settings) -> list[Declared]:
    """The providers in their order. A capability that the file does not name has the one of the settings.

    Raises:
        SettingsError: the file cannot be read, or says what cannot be used.
    """
    entries = _read(Path(settings.providers_file)) if settings.providers_file else ()
    names = [entry.name for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"{WHERE}: there are two providers called {twice[0]}: give each a name of its own")
    named = {entry.capability for entry in entries}
    return [_declared(entry, settings) for entry in entries] + [
        _declared(_Entry(name=capability.value, capability=capability), settings)
        for capability in Capability
        if capability not in named
    ]


def _read(path: Path) -> tuple[_Entry, ...]:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).provider
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{WHERE}: {path} cannot be read ({type(error).__name__})") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{WHERE}: {path}: {error}") from error


def _declared(entry: _Entry, settings: Settings) -> Declared:
    connections = settings.provider_connections_max
    spec = ProviderSpec(
        name=entry.name,
        capability=entry.capability,
        channels=tuple(channel.value for channel in entry.channels),
        in_flight_max=connections if entry.in_flight_max is None else entry.in_flight_max,
        rate=None if entry.calls is None else Rate(per=entry.calls, seconds=entry.per_s, burst=entry.calls),
        price_millipence=round(entry.price_pence * MILLIPENCE),
        cap_millipence=None if entry.cap_pounds_a_day is None else round(entry.cap_pounds_a_day * PENCE * MILLIPENCE),
        in_doubt=entry.in_doubt,
    )
    urls = {
        Capability.CONTACT_FINDER: settings.contact_finder_url,
        Capability.EMAIL_VERIFIER: settings.email_verifier_url,
        Capability.NOTIFIER: settings.notifier_url,
    }
    return Declared(
        spec=spec,
        url=entry.url or urls[entry.capability],
        api_key=_key(entry) if entry.api_key_file else settings.provider_api_key,
        timeout_s=settings.provider_timeout_s if entry.timeout_s is None else entry.timeout_s,
    )


def _key(entry: _Entry) -> str:
    try:
        return Path(entry.api_key_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = f"the api_key_file of {entry.name} cannot be read ({type(error).__name__})"
        raise SettingsError(f"{WHERE}: {what}: {entry.api_key_file}") from error
