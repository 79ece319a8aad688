"""The whole system: embedded servers where none are named, the simulator where no provider is, and every role."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec
import structlog

from dispatch.adapters.embedded.errors import EmbeddedServerError
from dispatch.adapters.embedded.servers import EmbeddedServers
from dispatch.entrypoints.settings import Settings, read_runtime
from dispatch.entrypoints.supervisor.children import Children, play_roles, play_simulator
from dispatch.entrypoints.supervisor.crew import Crew
from dispatch.entrypoints.supervisor.failures import CannotStart
from dispatch.entrypoints.supervisor.keeper import Keeper
from dispatch.entrypoints.supervisor.ports import held_port
from dispatch.entrypoints.supervisor.receipts import with_receipts
from dispatch.entrypoints.supervisor.runtime import runtime_note
from dispatch.entrypoints.supervisor.steward import Steward

if TYPE_CHECKING:  # Imported while the servers start.
    from dispatch.entrypoints.bootstrap import App

log = structlog.get_logger(__name__)

READY_WITHIN_S = 60.0
KILLED_AFTER_GRACE_S = 2.0
"""A process ends itself when its time of grace is over; one that does not even do that is killed."""
MARKER = "dispatch-data"
"""A file in every data folder that dispatch has made: only a folder that has it is ever emptied."""
MADE_BEFORE_THE_MARKER = {"logs"}

Say = Callable[[str], None]


class System:
    """Starts everything in order, keeps it running, and stops it in the reverse order."""

    def __init__(self, settings: Settings, *, scenario: str = "demo", say: Say = lambda line: None) -> None:
        self.settings = settings
        self._scenario, self._say = scenario, say
        self._open = ExitStack()
        self._children = Children()
        self._servers: EmbeddedServers | None = None
        self.url = ""
        self.simulator_url = ""
        self.took_s: dict[str, float] = {}

    def __enter__(self) -> "System":
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @property
    def app(self) -> "App":
        """The use cases, for the supervisor's own commands and queries."""
        return self._app

    def pids(self) -> dict[str, int]:
        """The processes by name."""
        servers = {server.name.lower(): server.pid for server in self._servers.each} if self._servers else {}
        return self._children.pids() | servers

    def _start(self) -> None:
        started = time.perf_counter()
        data = self.settings.data
        data.mkdir(parents=True, exist_ok=True)
        if {path.name for path in data.iterdir()} <= MADE_BEFORE_THE_MARKER:
            (data / MARKER).touch()
        self._children.warm_up()
        self._say("starting Postgres and NATS")
        with ThreadPoolExecutor(1, "servers") as aside:
            starting = aside.submit(self._use_servers)
            from dispatch.entrypoints.bootstrap import open_app  # Half a second, well spent while the servers start.

            starting.result()
        self._took("servers", started)
        if not (self.settings.contact_finder_url and self.settings.email_verifier_url and self.settings.notifier_url):
            self._use_simulator()
        self._app: App = open_app(self.settings)
        self._open.callback(self._app.close)
        migrating = time.perf_counter()
        self._app.migrate()
        self._took("schema", migrating)
        self._start_roles()
        self._took("start", started)

    def _use_servers(self) -> None:
        """Start the embedded servers that the settings do not replace."""
        settings = self.settings
        if settings.database_owner_url and not settings.database_url:
            what, fix = "an owner is named, and no database", "set DISPATCH_DATABASE_URL to the application's URL"
            raise CannotStart("setting_missing", what, "DISPATCH_DATABASE_OWNER_URL", fix)
        if settings.database_url and settings.nats_url:
            return
        try:
            servers = self._servers = self._open.enter_context(EmbeddedServers(settings.data))
        except EmbeddedServerError as error:
            what, _, fix = str(error).partition(": ")
            raise CannotStart("server_cannot_start", what, str(settings.data), fix or what) from error
        self.settings = msgspec.structs.replace(
            settings,
            database_url=settings.database_url or servers.database_url,
            database_owner_url=settings.database_owner_url if settings.database_url else servers.database_owner_url,
            nats_url=settings.nats_url or servers.nats_url,
        )

    def _use_simulator(self) -> None:
        port, api_port = (self._open.enter_context(held_port()) for _ in range(2))
        self.simulator_url = f"http://127.0.0.1:{port}"
        self.settings, receipts = with_receipts(self.settings, self._scenario, api_port)
        self._children.add("simulator", play_simulator, self._scenario, port, receipts)
        settings = self.settings
        self.settings = msgspec.structs.replace(
            settings,
            contact_finder_url=settings.contact_finder_url or self.simulator_url,
            email_verifier_url=settings.email_verifier_url or self.simulator_url,
            notifier_url=settings.notifier_url or self.simulator_url,
        )

    def _start_roles(self) -> None:
        self._say("starting the workers")
        # The schema is there: the roles work without the owner's rights, and without knowing how to get them.
        settings = msgspec.structs.replace(self.settings, database_owner_url="")
        logs = settings.data / "logs"
        groups = {
            "api": ("api",),
            "relay": ("relay",),
            "followers": ("publisher", "timers", "sources", "sealer", "outbox"),
            "projector": ("projector",),
            "webhooks": ("webhooks",),
        }

        def start(name: str, *roles: str) -> None:
            self._children.add(name, play_roles, roles, settings, logs / f"{name}.log")

        self._open.callback(self._children.stop_all, settings.shutdown_grace_s)
        for name, roles in groups.items():
            start(name, *roles)
        crews = [
            Crew(role, wanted, self._children, start, settings.shutdown_grace_s + KILLED_AFTER_GRACE_S)
            for role, wanted in (("intake", settings.intake_workers), ("worker", settings.workers))
        ]
        for crew in crews:
            crew.fit()
        expected = {(name, role) for name, roles in groups.items() for role in roles}
        expected |= {(f"{crew.role}-{number}", crew.role) for crew in crews for number in range(1, crew.wanted + 1)}
        if self.simulator_url:
            expected.add(("simulator", "simulator"))
        try:
            self.url = self._children.wait_ready(expected, READY_WITHIN_S)["api"]
        except TimeoutError as error:
            fix = "read what they say there"
            raise CannotStart("roles_not_ready", str(error), str(logs), fix) from error

        def fit() -> None:
            for crew in crews:
                crew.fit()

        self._open.enter_context(Keeper(self._children, self._servers, fit))
        self._open.enter_context(Steward(self._app.fleet, crews, self._app.ledger.head()))
        note = {
            "database_url": settings.database_url,
            "nats_url": settings.nats_url,
            "contact_finder_url": settings.contact_finder_url,
            "email_verifier_url": settings.email_verifier_url,
            "notifier_url": settings.notifier_url,
            "providers_file": str(Path(settings.providers_file).resolve()) if settings.providers_file else "",
            "stages": settings.stages,
            "source_folders": settings.source_folders,
            "source_private_hosts": settings.source_private_hosts,
            "endpoint_private_hosts": settings.endpoint_private_hosts,
            "endpoint_ca_file": str(Path(settings.endpoint_ca_file).resolve()) if settings.endpoint_ca_file else "",
            "api_url": self.url,
            "simulator_url": self.simulator_url,
            "pids": self.pids(),
        }
        self._open.enter_context(runtime_note(settings.data, note))

    def _took(self, what: str, since: float) -> None:
        self.took_s[what] = time.perf_counter() - since
        log.info("system.started", what=what, took_ms=round(self.took_s[what] * 1000))


def empty_data(data: Path) -> None:
    """Remove a data folder, for a fresh start.

    Raises:
        CannotStart: `folder_not_ours`, it holds something and dispatch did not make it; `folder_in_use`.
    """
    if not data.exists():
        return
    if not data.is_dir():
        what, fix = "this is a file and no folder", "name another folder with --data"
        raise CannotStart("folder_not_ours", what, str(data), fix)
    if any(data.iterdir()) and not (data / MARKER).exists():
        what, fix = "dispatch did not make this folder, so it is not emptied", "name another folder with --data"
        raise CannotStart("folder_not_ours", what, str(data), fix)
    if pid := read_runtime(data).get("pid"):
        fix = "stop it first, or name another folder with --data"
        raise CannotStart("folder_in_use", f"a system runs on this folder (process {pid})", str(data), fix)
    shutil.rmtree(data)
