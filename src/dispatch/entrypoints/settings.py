"""Every setting, in one frozen struct: units in the names, one reader of the environment."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from dispatch.application.limits import OutboundRates
from dispatch.entrypoints.limit_settings import read_plan, read_proxies, read_rates, read_zones
from dispatch.entrypoints.receipt_settings import read_receipt_secrets, read_receipts_by
from dispatch.entrypoints.senders import read_senders

PREFIX = "DISPATCH_"
RUNTIME_FILE = "runtime.json"
SECRETS = frozenset({"provider_api_key", "master_key", "webhook_senders", "notifier_receipt_secrets"})
URLS = frozenset({"database_url", "database_owner_url", "nats_url", "api_url"})
RANGES: Mapping[str, tuple[float, float]] = {
    "http_port": (0, 65535),
    "workers": (1, 64),
    "worker_lanes": (1, 64),
    "intake_workers": (1, 64),
    "provider_timeout_s": (0.01, 3600),
    "provider_connections_max": (1, 10_000),
    "notifier_receipt_within_s": (0.1, 31_536_000),
    "work_ack_wait_s": (0.1, 3600),
    "events_kept_days": (0.001, 3650),
    "events_bytes_max": (1, 1 << 50),
    "error_threshold_percent": (0, 100),
    "file_bytes_max": (1, 1 << 50),
    "files_kept_days": (1, 36_500),
    "approval_error_percent": (0, 100),
    "approval_value_pounds": (0, 1e12),
    "approval_minutes": (0.001, 1e6),
    "escalation_minutes": (0.001, 1e6),
    "dead_letters_max": (0, 1_000_000_000),
    "backlog_max": (0, 1_000_000_000),
    "endpoint_log_days": (1, 36_500),
    "channel_rate_per_s": (0, 1_000_000),
    "tenant_rate_per_s": (0, 1_000_000),
    "checkpoint_every_s": (0.1, 86_400),
    "reconcile_every_minutes": (0, 10_080),
    "shutdown_grace_s": (0, 3600),
}
"""From and to, both allowed."""


def _read_stages(text: str) -> object:
    if not text:
        return None
    from dispatch.entrypoints.stage_settings import stages_in_force  # Nearly always there is nothing to load it for.

    return stages_in_force(text)


READERS: Mapping[str, Callable[[str], object]] = {
    "webhook_senders": read_senders,
    "notifier_receipts": read_receipts_by,
    "notifier_receipt_secrets": read_receipt_secrets,
    "inbound_plan": read_plan,
    "trusted_proxies": read_proxies,
    "provider_rates": read_rates,
    "zone_limits": read_zones,
    "stages": _read_stages,
}
"""Texts with a form of their own: who reads them says what is wrong."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set: by `DISPATCH_<NAME>` in the environment, or by `DISPATCH_<NAME>_FILE`, a file that holds it."""

    data: Path = Path(".data")
    """Folder for received files, the embedded servers' data, and logs."""
    database_url: str = ""
    """libpq URL of Postgres 16 or newer; empty: the embedded one."""
    database_owner_url: str = ""
    """The same database as the user who owns the schema and runs migrations; empty: the one of the database URL."""
    nats_url: str = ""
    """URL of a NATS server with JetStream; empty: the embedded one."""
    http_host: str = "127.0.0.1"
    """Address on which the API listens; 0.0.0.0 for all of the machine's."""
    http_port: int = 8080
    """Port of the API; 0 takes any free one."""
    api_url: str = ""
    """Base URL at which clients reach the API, for `dispatch smoke e2e`; empty: the address and port above."""
    contact_finder_url: str = ""
    """Base URL of the contact finder; empty: the simulator."""
    email_verifier_url: str = ""
    """Base URL of the e-mail verifier; empty: the simulator."""
    notifier_url: str = ""
    """Base URL of the notifier; empty: the simulator."""
    provider_api_key: str = ""
    """Key that the providers ask for."""
    notifier_receipts: str = "ask"
    """How receipts of that notifier come: ask, webhook (signed, to /v1/receipts/notifier) or both."""
    notifier_receipt_secrets: str = ""
    """Secrets that it may sign receipts with, `whsec_` and base64; several while they are exchanged."""
    notifier_receipt_within_s: float = 3600.0
    """So long a signed receipt is waited for: then it is asked for (both), or a person finds out (webhook)."""
    providers_file: str = ""
    """TOML file that declares providers, several per capability in their order; empty: one each, at the URLs above."""
    stages: str = ""
    """TOML with the attempts, waits and calls at once of stages, best in a file; empty: what each says of itself."""
    provider_prices: str = ""
    """Pence per call by stage, for dry runs, as in "enrich=2.5 verify=0.3 dispatch=4"; empty: no price set."""
    workers: int = 2
    """Worker processes."""
    worker_lanes: int = 2
    """Chunks that a worker has in hand per queue at once."""
    intake_workers: int = 2
    """Processes in all that take batches in; one of them is kept free of judging large files."""
    provider_timeout_s: float = 10.0
    """A call of a provider that has not answered after so long is tried again."""
    provider_connections_max: int = 250
    """Connections of one worker process to each provider."""
    work_ack_wait_s: float = 30.0
    """After so long without a sign of life a worker's chunk is given to another."""
    events_kept_days: float = 7.0
    """So long the stream for subscribers keeps events; all of them stay in the ledger."""
    events_bytes_max: int = 1 << 30
    """When the stream for subscribers is larger, its oldest events go (1 GiB)."""
    events_source: str = "/dispatch"
    """Name of this installation in its events, a URI reference: the `source` of CloudEvents."""
    error_threshold_percent: int = 10
    """Error budget of a batch that names none."""
    approval_error_percent: int = 100
    """A larger share of refused rows, within the budget, makes a batch wait for a person's approval; 100: never."""
    approval_value_pounds: int = 0
    """A batch whose accepted rows are worth more than this waits for a person's approval; 0: never."""
    approval_minutes: float = 30.0
    """An approval that nobody gives for so long goes one level up; there are three levels."""
    escalation_minutes: float = 30.0
    """A job that is before people and that nobody answers for so long goes one level up; there are three levels."""
    approval_other_person: bool = False
    """Two-person rule: whoever brought a file may not approve it."""
    file_bytes_max: int = 1 << 30
    """A larger file is refused (1 GiB)."""
    profiles_folder: str = ""
    """A folder with profiles of your own, `NAME.VERSION.toml`, beside those that come with dispatch."""
    webhook_senders: str = ""
    """Who may send rows by signed webhook: `NAME PROFILE SECRET[,SECRET...]`, one a line or behind `;`."""
    dead_letters_max: int = 5
    """More open dead letters than this are an alarm (acceptance S.09)."""
    backlog_max: int = 100
    """More jobs than this that should have moved on long ago are an alarm (acceptance S.09)."""
    zone_limits: str = ""
    """Where YELLOW and RED begin, as in "lag_s=10,60 age_s=300,1800 errors_percent=10,30 batches=5,8"; empty: these."""
    inbound_plan: str = "free"
    """Requests of one caller to the API a minute: free (100), paid (1000) or enterprise (no limit)."""
    inbound_limit_loopback: bool = False
    """Callers on this machine itself are limited too."""
    trusted_proxies: str = ""
    """Addresses and networks of proxies whose X-Forwarded-For is believed, separated by spaces; empty: none."""
    channel_rate_per_s: int = 100
    """Messages a second on each channel, over all workers; 0: no limit."""
    provider_rates: str = ""
    """Calls a second of each provider, over all workers, as in "notifier=50 email_verifier=20"; empty: no limit."""
    tenant_rate_per_s: int = 0
    """Messages a second for each one who brings batches, over all workers; 0: no limit."""
    files_kept_days: int = 30
    """Received files are removed after so many days, unless a batch still reads them."""
    source_folders: str = ""
    """Folders below which sources may watch folders and files, separated by colons; empty: none."""
    source_private_hosts: str = ""
    """Hosts and networks on private addresses that http sources may ask, also without TLS; empty: none."""
    endpoint_private_hosts: str = ""
    """Hosts and networks on private addresses that webhooks may be sent to, also without TLS; empty: none."""
    endpoint_ca_file: str = ""
    """File (PEM) with authorities whose certificates endpoints may show, besides those of the system; empty: none."""
    endpoint_log_days: int = 30
    """Attempts to send webhooks, and messages that are settled, are removed after so many days."""
    master_key: str = ""
    """Key over the keys of persons; empty: `master.key` in the data folder, made on the first start. Keep a copy."""
    seal_key_file: str = ""
    """Private key that signs checkpoints; empty: `seal.key` in the data folder, made on the first start."""
    seal_origin: str = ""
    """Name of the ledger in its checkpoints, without spaces; empty: the one in the key file, or a new one."""
    checkpoint_every_s: float = 60.0
    """So often a signed checkpoint is copied out of the database, into the data folder."""
    reconcile_every_minutes: float = 10.0
    """So often the timers compare what is open with what should be; differences are alarms. 0: never."""
    shutdown_grace_s: float = 15.0
    """A stop takes no longer than this."""
    log_level: str = "info"
    """debug, info, warning or error; at debug the command line shows tracebacks."""


class SettingsError(Exception):
    """A setting that cannot be used; says which, and what it may be."""


class Loaded(msgspec.Struct, frozen=True):
    """The settings, and where each one came from."""

    settings: Settings
    sources: dict[str, str]


def load_settings(
    environ: Mapping[str, str], flags: Mapping[str, Any] | None = None, *, join_running: bool = True
) -> Loaded:
    """Defaults, then what a running `dispatch up` notes in the data folder, then the environment, then the flags.

    With `join_running` off the note is left aside: `dispatch up` itself starts a system of its own.

    Raises:
        SettingsError: a value that is not of its type or out of its range, or a name that does not exist.
    """
    names = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    sources = dict.fromkeys(names, "default")
    data = _value("data", (flags or {}).get("data") or environ.get(f"{PREFIX}DATA", ".data"), "data folder")
    for name, value in (read_runtime(data) if join_running else {}).items():
        if name in names:
            values[name], sources[name] = _value(name, value, RUNTIME_FILE), RUNTIME_FILE
    for name, (variable, text) in _from_environment(environ, names).items():
        values[name], sources[name] = _value(name, text, variable), variable
    for name, flag in (flags or {}).items():
        if flag is not None:
            values[name], sources[name] = _value(name, flag, f"--{name.replace('_', '-')}"), "command line"
    return Loaded(Settings(**values), sources)


def provider_prices(settings: Settings) -> dict[str, float]:
    """Pence per call, by stage. Raises SettingsError."""
    prices: dict[str, float] = {}
    for part in re.split(r"[,\s]+", settings.provider_prices.strip()):
        if not part:
            continue
        found = re.fullmatch(r"([a-z_]+)=(\d+(?:\.\d+)?)", part, re.ASCII)
        if found is None:
            where = f"{PREFIX}PROVIDER_PRICES"
            raise SettingsError(f"{where}: {part!r} is not a stage and its pence per call, as in enrich=2.5")
        prices[found[1]] = float(found[2])
    return prices


def outbound_rates(settings: Settings) -> OutboundRates:
    """What may go out each second."""
    return OutboundRates(
        channel_per_s=settings.channel_rate_per_s,
        providers_per_s=read_rates(settings.provider_rates),
        tenant_per_s=settings.tenant_rate_per_s,
    )


def read_runtime(data: Path) -> dict[str, Any]:
    """What the running system wrote about itself; empty when none runs on this folder, or it was killed."""
    try:
        note = msgspec.json.decode((data / RUNTIME_FILE).read_bytes(), type=dict[str, Any])
        pid = int(note["pid"])
    except (OSError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return {}
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass  # It runs, as another user.
    except (OSError, OverflowError):
        return {}
    # Process ids come again, in containers nearly always.
    return note if note.get("pid_started", "") in ("", process_started(pid)) else {}


def process_started(pid: int) -> str:
    """When this process was started, in clock ticks since boot (proc_pid_stat(5)); empty where nobody can say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def redacted(settings: Settings) -> dict[str, Any]:
    """The settings for people: secrets and the passwords of URLs hidden."""
    shown: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(settings).items():
        if name in SECRETS:
            shown[name] = "********" if value else ""
        elif name in URLS:
            shown[name] = _without_password(value)
        else:
            shown[name] = str(value) if isinstance(value, Path) else value
    return shown


def _from_environment(environ: Mapping[str, str], names: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable.startswith(f"{PREFIX}TEST_"):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in names:
            found[name] = (variable, text)
        elif name.removesuffix("_file") in names:
            try:
                found[name.removesuffix("_file")] = (variable, Path(text).read_text().strip())
            except OSError as error:
                raise SettingsError(f"{variable}: the file {text} cannot be read ({error.strerror})") from error
            except UnicodeDecodeError as error:
                raise SettingsError(f"{variable}: the file {text} is not UTF-8 text") from error
        else:
            known = ", ".join(PREFIX + known.upper() for known in names)
            raise SettingsError(f"{variable} is not a setting of dispatch; known: {known}")
    return found


def _value(name: str, value: Any, where: str) -> Any:  # noqa: ANN401 - of the setting's type
    kind = get_type_hints(Settings)[name]
    if kind is Path:
        return Path(value)
    try:
        read = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {value!r} is not a {kind.__name__} ({error})") from error
    if name in READERS:
        try:
            READERS[name](read)
        except ValueError as error:
            raise SettingsError(f"{where}: {error}") from None
    least, most = RANGES.get(name, (float("-inf"), float("inf")))
    if name in RANGES and not least <= read <= most:
        raise SettingsError(f"{where}: {value!r} is out of range, write a number from {least} to {most}")
    return read


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not (separator and at and ":" in credentials):
        return url
    return f"{scheme}://{credentials.partition(':')[0]}:********@{host}"
