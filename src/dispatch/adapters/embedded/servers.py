"""Postgres and NATS together, for a whole system on one machine."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from dispatch.adapters.embedded.nats import EmbeddedNats
from dispatch.adapters.embedded.postgres import EmbeddedPostgres


class EmbeddedServers:
    """Starts both at the same time on `data`/postgres and `data`/nats; stops NATS first, as it is fed from Postgres."""

    def __init__(self, data: Path) -> None:
        self.postgres = EmbeddedPostgres(data / "postgres")
        self.nats = EmbeddedNats(data / "nats")

    @property
    def each(self) -> tuple[EmbeddedPostgres, EmbeddedNats]:
        """Both servers, what others depend on first."""
        return self.postgres, self.nats

    @property
    def database_url(self) -> str:
        return self.postgres.application_url

    @property
    def database_owner_url(self) -> str:
        return self.postgres.url

    @property
    def nats_url(self) -> str:
        return self.nats.url

    def start(self) -> None:
        """Return once both are ready. When one cannot start, the other is stopped and the error raised."""
        try:
            with ThreadPoolExecutor(2, "embedded-start") as threads:
                for started in [threads.submit(self.postgres.start), threads.submit(self.nats.start)]:
                    started.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        try:
            self.nats.stop()
        finally:
            self.postgres.stop()

    def __enter__(self) -> "EmbeddedServers":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
