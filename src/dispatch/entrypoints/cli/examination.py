"""The checks of `dispatch doctor`, each one a finding with its level and the way to mend it."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from dispatch.application.alarms import (
    APPROVAL_OVERDUE,
    BACKLOG,
    BATCH_STUCK,
    DEAD_LETTERS,
    DIFFERENCE,
    ENDPOINT_DISABLED,
    ZONE_RED,
)
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.queries import ViewsUnavailable
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.words import age
from dispatch.entrypoints.settings import Settings, SettingsError
from dispatch.entrypoints.surroundings import NotRunning, Rights, check_nats, embedded_programs, inspect_postgres

PYTHON_MIN = (3, 11)
POSTGRES_MIN = 160000
DISK_WARN_PERCENT, DISK_FAIL_PERCENT = 15, 5
"""Free space (acceptance S.12)."""
LAG_WARN_EVENTS = 10_000
PUBLISHER_LAG_WARN_S = 30
ALARMS = {
    BATCH_STUCK: ("batches", "none is stuck on its way in"),
    APPROVAL_OVERDUE: ("approvals", "none is overdue"),
    DIFFERENCE: ("reconciliation", "the last ones found nothing that breaks a promise"),
    DEAD_LETTERS: ("dead letters", "few or none are open"),
    BACKLOG: ("backlog", "jobs move on in time"),
    ENDPOINT_DISABLED: ("endpoints", "none was given up"),
    ZONE_RED: ("zone", "not red"),
}
"""What each alarm is about, and what is said where there is none."""
FAILING = frozenset({BATCH_STUCK, DIFFERENCE, ZONE_RED})


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `fix` is empty where all is well."""

    name: str
    level: Level
    found: str
    fix: str = ""


def examine(cli: Cli) -> list[Finding]:
    """Look at everything; a thing that cannot be looked at is a finding, never an error."""
    findings = [_python()]
    try:
        settings = cli.load().settings
    except SettingsError as error:
        return [*findings, Finding("settings", Level.FAIL, str(error), "correct or unset it")]
    findings += [
        Finding("settings", Level.OK, "all can be used"),
        _data_folder(settings.data),
        _disk(settings.data),
        *_programs(settings),
        *_postgres(cli, settings),
        _nats(settings),
    ]
    return findings


def _python() -> Finding:
    found = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info < PYTHON_MIN:
        return Finding("python", Level.FAIL, found, "use Python 3.11 or newer")
    return Finding("python", Level.OK, found)


def _data_folder(data: Path) -> Finding:
    if data.is_dir():
        if os.access(data, os.W_OK | os.X_OK):
            return Finding("data folder", Level.OK, f"{data} can be written")
        fix = "give this user the right to write there, or name another folder with --data"
        return Finding("data folder", Level.FAIL, f"{data} cannot be written", fix)
    if data.exists():
        return Finding("data folder", Level.FAIL, f"{data} is not a folder", "name another one with --data")
    parent = _existing(data)
    if os.access(parent, os.W_OK | os.X_OK):
        return Finding("data folder", Level.OK, f"{data} does not exist yet; the first start makes it")
    fix = "make it as a user who may, or name another folder with --data"
    return Finding("data folder", Level.FAIL, f"{data} cannot be made in {parent}", fix)


def _disk(data: Path) -> Finding:
    usage = shutil.disk_usage(_existing(data))
    percent = 100 * usage.free / usage.total
    found = f"{usage.free / 1e9:,.1f} GB free, {percent:.0f}%"
    if percent >= DISK_WARN_PERCENT:
        return Finding("disk", Level.OK, found)
    level = Level.FAIL if percent < DISK_FAIL_PERCENT else Level.WARN
    return Finding("disk", level, found, "free some space, or move the data folder to a larger disk")


def _programs(settings: Settings) -> Iterator[Finding]:
    """Needed only where no server is named."""
    needed = {"postgres": not settings.database_url, "nats-server": not settings.nats_url}
    for name, path in embedded_programs().items():
        if path:
            yield Finding(f"embedded {name}", Level.OK, path)
        else:
            level = Level.FAIL if needed[name] else Level.WARN
            fix = "install what dispatch depends on (uv sync), or use a server of your own"
            yield Finding(f"embedded {name}", level, "the program is not installed", fix)


def _postgres(cli: Cli, settings: Settings) -> Iterator[Finding]:
    if not settings.database_url:
        fix = "start it with `dispatch up`, or name your server in DISPATCH_DATABASE_URL"
        yield Finding("postgres", Level.WARN, f"no system runs on {settings.data}", fix)
        return
    try:
        facts = inspect_postgres(settings.database_url)
    except NotRunning as error:
        yield Finding("postgres", Level.FAIL, str(error), "start it with `dispatch up`, or correct the URL")
        return
    if facts.version_number < POSTGRES_MIN:
        yield Finding("postgres", Level.FAIL, f"version {facts.version}", "use Postgres 16 or newer")
    else:
        yield Finding("postgres", Level.OK, f"version {facts.version} answers")
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        value = getattr(facts, name)
        if value == "off":
            fix = f"ALTER SYSTEM SET {name} = on; and reload: until then a power cut loses what was answered"
            yield Finding(name, Level.FAIL, value, fix)
        else:
            yield Finding(name, Level.OK, value)
    if facts.revision != facts.revision_newest:
        found = f"revision {facts.revision or 'none'}, {facts.revision_newest} is needed"
        fix = "run `dispatch migrate` as the owner of this database, or `dispatch up`: that prepares it"
        yield Finding("schema", Level.FAIL, found, fix)
        return
    yield Finding("schema", Level.OK, f"revision {facts.revision}")
    if facts.is_append_only:
        yield Finding("append-only", Level.OK, "the database refuses to change what the ledger holds")
    else:
        fix = "ENABLE ALWAYS TRIGGER append_only on stored_events and seal_checkpoints; then `dispatch ledger verify`"
        yield Finding("append-only", Level.FAIL, "the guard of the ledger is off: it can be changed", fix)
    yield _rights(facts.rights)
    yield _seal(cli)
    yield _views(cli)
    yield _publisher(cli)
    yield from _alarms(cli)


def _rights(rights: Rights) -> Finding:
    """A database without our roles works as well; it is weaker, and that is said."""
    weak = []
    if rights.is_superuser or rights.is_owner:
        who = "a superuser" if rights.is_superuser else "who owns the ledger"
        weak.append(f"the application connects as {rights.user}, {who}: it could switch the ledger's guard off")
    elif rights.excess:
        weak.append(f"{rights.user} has {', '.join(rights.excess)} on the ledger, so that only the guard refuses")
    if rights.roles_missing:
        roles = " and ".join(rights.roles_missing)
        weak.append(f"{roles} not there, because whoever migrated may not create roles")
    if weak:
        fix = "give the application a user of its own with least rights: docs/runbook.md, Database roles"
        return Finding("database roles", Level.WARN, "; ".join(weak), fix)
    return Finding("database roles", Level.OK, f"{rights.user} can add to the ledger, not change or remove")


def _seal(cli: Cli) -> Finding:
    """A look without hashing, which only `dispatch ledger verify` does."""
    with cli.open_app() as app:
        standing = app.sealing.evidence.standing()
    fix = 'run `dispatch ledger verify`, and see docs/runbook.md, "The ledger is not what was signed"'
    strays = [(position, "was put in after its place was sealed") for position in standing.late]
    strays += [(position, "was sealed and is gone") for position in standing.missing]
    if strays:
        position, what = min(strays)
        more = f", and {len(strays) - 1:,} more" if len(strays) > 1 else ""
        return Finding("seal", Level.FAIL, f"the event at position {position} {what}{more}", fix)
    if standing.exported > standing.sealed:
        found = f"sealed up to {standing.sealed:,} events, but a checkpoint of {standing.exported:,} was exported"
        return Finding("seal", Level.FAIL, f"{found}: the database is behind what was signed", fix)
    return Finding("seal", Level.OK, f"{standing.sealed:,} events sealed, each where it was")


def _views(cli: Cli) -> Finding:
    try:
        with cli.open_app() as app:
            head = app.ledger.head()
            lags = {position.view: max(0, head - position.position) for position in app.queries.positions()}
    except ViewsUnavailable as error:
        return Finding("views", Level.FAIL, str(error), "run it again; the database went away in between")
    if not lags:
        return Finding("views", Level.FAIL, "there are none", "start the projector: `dispatch up`")
    view, lag = max(lags.items(), key=lambda item: item[1])
    if lag > LAG_WARN_EVENTS:
        fix = "see that a projector runs (`dispatch up`); it catches up by itself"
        return Finding("views", Level.WARN, f"{view} lags {lag:,} events behind the ledger", fix)
    return Finding("views", Level.OK, f"at most {lag:,} events behind the ledger's {head:,}")


def _publisher(cli: Cli) -> Finding:
    try:
        with cli.open_app() as app:
            lag, says = app.published.lag(), app.published.says()
    except LedgerUnavailable as error:
        return Finding("subscribers", Level.FAIL, str(error), "run it again; the database went away in between")
    if lag is not None and lag.seconds > PUBLISHER_LAG_WARN_S:
        fix = "see that a publisher runs (`dispatch up`); `publisher.interrupted` in its log says what stops it"
        return Finding("subscribers", Level.WARN, says, fix)
    return Finding("subscribers", Level.OK, says)


def _alarms(cli: Cli) -> Iterator[Finding]:
    """Batches that do not move (1.16), approvals that nobody gives, differences, dead letters, a backlog (S.09)."""
    try:
        with cli.open_app() as app:
            alarms = app.alarms()
    except (LedgerUnavailable, ViewsUnavailable) as error:
        yield Finding("batches", Level.FAIL, str(error), "run it again; the database went away in between")
        return
    for alarm in alarms:
        level = Level.FAIL if alarm.code in FAILING else Level.WARN
        yield Finding(ALARMS[alarm.code][0], level, f"{alarm.what}, since {age(alarm.since)}", alarm.fix)
    for code, (name, well) in ALARMS.items():
        if not any(alarm.code == code for alarm in alarms):
            yield Finding(name, Level.OK, well)


def _nats(settings: Settings) -> Finding:
    if not settings.nats_url:
        fix = "start it with `dispatch up`, or name your server in DISPATCH_NATS_URL"
        return Finding("nats", Level.WARN, f"no system runs on {settings.data}", fix)
    try:
        facts = check_nats(settings.nats_url)
    except NotRunning as error:
        return Finding("nats", Level.FAIL, str(error), "start it with `dispatch up`, or correct the URL")
    if not facts.jetstream:
        fix = "start nats-server with -js: dispatch keeps its work queues in JetStream"
        return Finding("nats", Level.FAIL, f"version {facts.version}, JetStream is off", fix)
    if facts.needed:
        fix = f"update it to {facts.needed} or later: dispatch publishes batches, all or none"
        return Finding("nats", Level.FAIL, f"version {facts.version} is too old", fix)
    return Finding("nats", Level.OK, f"version {facts.version}, JetStream on, streams: {facts.streams}")


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
