"""The file that declares providers: several per capability, in the order in which they are asked."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from dispatch.application.calling.line import Capability, InDoubt, ProviderSpec, ReceiptsBy
from dispatch.application.ports.providers import Channel
from dispatch.domain.gcra import Rate
from dispatch.entrypoints.receipt_settings import check_receipts, read_receipt_secrets
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
    receipts: ReceiptsBy | None = None  # None, of the notifier of the settings: what they say; else: asked for.
    receipt_within_s: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    receipt_secrets_file: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: tuple[_Entry, ...]


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, and how it is reached."""

    spec: ProviderSpec
    url: str
    api_key: str
    timeout_s: float
    receipt_secrets: tuple[bytes, ...] = ()  # That it may sign its receipts with.


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
        _declared(_usual(capability, settings), settings, settings.notifier_receipt_secrets)
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


def _usual(capability: Capability, settings: Settings) -> _Entry:
    """The provider of a capability that the file does not name."""
    if capability is not Capability.NOTIFIER:
        return _Entry(name=capability.value, capability=capability)
    return _Entry(
        name=capability.value,
        capability=capability,
        receipts=ReceiptsBy(settings.notifier_receipts),
        receipt_within_s=settings.notifier_receipt_within_s,
    )


def _declared(entry: _Entry, settings: Settings, receipt_secrets: str = "") -> Declared:
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
        receipts=entry.receipts or ReceiptsBy.ASK,
        receipt_within_s=settings.notifier_receipt_within_s
        if entry.receipt_within_s is None
        else entry.receipt_within_s,
    )
    urls = {
        Capability.CONTACT_FINDER: settings.contact_finder_url,
        Capability.EMAIL_VERIFIER: settings.email_verifier_url,
        Capability.NOTIFIER: settings.notifier_url,
    }
    return Declared(
        spec=spec,
        url=entry.url or urls[entry.capability],
        api_key=_read_secret(entry, "api_key_file") if entry.api_key_file else settings.provider_api_key,
        timeout_s=settings.provider_timeout_s if entry.timeout_s is None else entry.timeout_s,
        receipt_secrets=_receipt_secrets(entry, receipt_secrets),
    )


def _receipt_secrets(entry: _Entry, text: str) -> tuple[bytes, ...]:
    text = _read_secret(entry, "receipt_secrets_file") if entry.receipt_secrets_file else text
    said = entry.receipts, entry.receipt_within_s, entry.receipt_secrets_file or None
    try:
        if entry.capability is not Capability.NOTIFIER:
            if any(each is not None for each in said):
                raise ValueError("only a notifier has receipts")
            return ()
        secrets = read_receipt_secrets(text)
        check_receipts(entry.receipts or ReceiptsBy.ASK, secrets)
    except ValueError as error:
        fix = f"name a file of secrets in its receipt_secrets_file, or set {PREFIX}NOTIFIER_RECEIPT_SECRETS without one"
        raise SettingsError(f"{WHERE}: provider {entry.name}: {error}: {fix}") from error
    return secrets


def _read_secret(entry: _Entry, field: str) -> str:
    path = str(getattr(entry, field))
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = f"the {field} of {entry.name} cannot be read ({type(error).__name__})"
        raise SettingsError(f"{WHERE}: {what}: {path}") from error
