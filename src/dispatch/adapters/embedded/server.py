"""What the embedded servers share: one owner, one data folder, start and stop."""

import atexit
import os
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from dispatch.adapters.embedded.data_lock import DataLock
from dispatch.adapters.embedded.errors import EmbeddedServerError
from dispatch.adapters.embedded.process import ServerProcess


class EmbeddedServer(ABC):
    """A server for one owner, with a data folder that is created when missing. A stopped one can be started again."""

    name: str

    def __init__(self, data: Path) -> None:
        self.data = data.absolute()
        self._lock: DataLock | None = None
        self._server: ServerProcess | None = None
        self._owner = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect; known from the first `start()` on."""

    @property
    def pid(self) -> int:
        """The process id of the server."""
        if self._server is None:
            raise EmbeddedServerError(f"The {self.name} server on {self.data} is not running: call start() first")
        return self._server.pid

    def running(self) -> bool:
        return self._server is not None and self._server.running()

    def start(self) -> None:
        """Start the server and return once it is ready.

        Raises DataInUse, DataOfAnotherVersion, ServerStoppedEarly (with the end of its log) or EmbeddedServerError.
        """
        if self.running():
            raise EmbeddedServerError(f"This {self.name} server on {self.data} is already running")
        self.stop()  # Clears up after one that ended by itself.
        self.data.mkdir(parents=True, exist_ok=True)
        self._lock = DataLock(self.data)
        self._owner = os.getpid()
        atexit.register(self._stop_at_exit)
        try:
            self._launch(self._lock)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, in an orderly way within 10 s, else at once; neither loses anything committed."""
        atexit.unregister(self._stop_at_exit)
        if self._server is not None:
            self._shut_down(self._server)
            self._server = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _launch(self, lock: DataLock) -> None:
        """Set `_server` and return once it is ready."""

    @abstractmethod
    def _shut_down(self, server: ServerProcess) -> None:
        """End the process."""

    def _stop_at_exit(self) -> None:
        """For an owner that forgets to stop, or fails; a forked copy of the owner stops nothing."""
        if os.getpid() == self._owner:
            self.stop()
