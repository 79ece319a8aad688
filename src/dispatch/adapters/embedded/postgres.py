"""Postgres as a child process on a unix socket, from the binaries of a Python wheel."""

import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from dispatch.adapters.embedded import postgres_cluster
from dispatch.adapters.embedded.data_lock import DataLock
from dispatch.adapters.embedded.errors import EmbeddedServerError
from dispatch.adapters.embedded.postgres_cluster import APPLICATION_USER, USER
from dispatch.adapters.embedded.process import ServerProcess
from dispatch.adapters.embedded.server import EmbeddedServer

DATABASE = "dispatch"
START_LIMIT_S = 600.0
"""Crash recovery replays up to twice max_wal_size: minutes on a slow disk, and giving up would help nobody."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "wal_buffers": "64MB",
    "wal_compression": "off",  # Only pglz is compiled in, which halves the rate of random first-touch appends.
    "min_wal_size": "1GB",
    "max_wal_size": "2GB",  # More would make recovery after a crash longer than people wait.
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}

_PORT = 5432  # Only names the socket file; the server listens on no network address.
_SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un.sun_path less its closing zero, unix(7)


class EmbeddedPostgres(EmbeddedServer):
    """One Postgres server with its own data folder.

    `data` gets `cluster/` (the database files) and `postgres.log`. Connections are possible only through a socket in a
    private temporary folder (0700), where each is trusted. `settings` are server parameters that replace SETTINGS.
    A server that is started again keeps its URL, unless someone took its folder meanwhile.
    """

    name = "Postgres"

    def __init__(self, data: Path, *, shared_buffers: str = "256MB", settings: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self.cluster = self.data / "cluster"
        self.log = self.data / "postgres.log"
        self._settings = {**SETTINGS, "shared_buffers": shared_buffers, **(settings or {})}
        self._socket_folder: Path | None = None

    @property
    def url(self) -> str:
        """The libpq URL of the database `dispatch` as its owner; known from the first `start()` on."""
        return self._url(USER)

    @property
    def application_url(self) -> str:
        """The same database for the application, whose user the migration makes."""
        return self._url(APPLICATION_USER)

    @property
    def socket_folder(self) -> Path:
        if self._socket_folder is None:
            raise EmbeddedServerError(f"The Postgres server on {self.data} has no URL yet: call start() first")
        return self._socket_folder

    @property
    def version(self) -> str:
        """What the running server says, such as "18.4"."""
        with psycopg.connect(self.url) as connection:
            return connection.info.parameter_status("server_version") or ""

    def _url(self, user: str) -> str:
        return f"postgresql://{user}@/{DATABASE}?host={quote(str(self.socket_folder), safe='')}&port={_PORT}"

    def _launch(self, lock: DataLock) -> None:
        installation = postgres_cluster.find_installation()
        if lock.note_before:  # The socket folder of an owner that was killed.
            _remove_socket_folder(Path(lock.note_before))
        if not self.cluster.exists():
            postgres_cluster.create_cluster(installation, self.cluster, log=self.log, lock=lock.fileno)
        postgres_cluster.check_cluster(installation, self.cluster)
        postgres_cluster.remove_stale_pid_file(self.cluster)
        self._socket_folder = _make_socket_folder(self._socket_folder)
        lock.note(str(self._socket_folder))
        self._server = self._spawn(installation, lock)
        self._server.await_until(self._ready, limit_s=START_LIMIT_S)

    def _shut_down(self, server: ServerProcess) -> None:
        server.stop((signal.SIGINT, 10.0), (signal.SIGQUIT, 2.0))  # fast shutdown, then immediate
        _remove_socket_folder(self.socket_folder)

    def _spawn(self, installation: Path, lock: DataLock) -> ServerProcess:
        settings = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        places = ["-D", str(self.cluster), "-k", str(self._socket_folder), "-p", str(_PORT)]
        return ServerProcess(
            self.name,
            [installation / "bin" / "postgres", *places, *settings],
            log=self.log,
            parent_death=signal.SIGINT,
            refuses_root=True,
            keep_open=[lock.fileno],
            environment=postgres_cluster.environment(),
        )

    def _ready(self) -> bool:
        """Whether the server lets us in; the database is created the first time."""
        try:
            connection = psycopg.connect(self.url, dbname="postgres", autocommit=True, connect_timeout=10)
        except psycopg.OperationalError:
            return False
        with connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        return True


def _make_socket_folder(wanted: Path | None) -> Path:
    """A new folder that only we can enter, at the path of last time if that is still free."""
    if wanted is not None:
        try:
            wanted.mkdir(mode=0o700)
        except OSError:
            pass
        else:
            return wanted
    for parent in (tempfile.gettempdir(), "/tmp", "/dev/shm"):  # noqa: S108 - mkdtemp makes a private folder there
        try:
            folder = Path(tempfile.mkdtemp(prefix="dispatch-", dir=parent))
        except OSError:
            continue
        if len(os.fsencode(_socket(folder))) <= _SOCKET_PATH_BYTES_MAX:
            return folder
        folder.rmdir()
    raise EmbeddedServerError(
        f"No temporary folder for the socket of Postgres: {tempfile.gettempdir()}, /tmp and /dev/shm are not writable "
        f"or give a path of more than {_SOCKET_PATH_BYTES_MAX} bytes. Set TMPDIR to a short writable path."
    )


def _remove_socket_folder(folder: Path) -> None:
    """Only what the server puts there: the socket and its lock file."""
    for leftover in (_socket(folder), _socket(folder).with_suffix(f".{_PORT}.lock")):
        leftover.unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:  # Gone already, or not ours.
        return


def _socket(folder: Path) -> Path:
    return folder / f".s.PGSQL.{_PORT}"
