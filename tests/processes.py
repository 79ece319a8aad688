"""Starting, watching and outliving other processes."""

import os
import select
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path


def await_gone(pid: int, *, limit_s: float) -> None:
    """Return when the process has ended, fail after `limit_s`."""
    assert _ends(pid, limit_s), f"process {pid} still runs after {limit_s} s: {_command_line(pid)}"


def assert_stays(pid: int, *, for_s: float) -> None:
    """Watch the process for that long, fail when it ends."""
    assert not _ends(pid, for_s), f"process {pid} ended"


def processes_naming(path: Path) -> list[str]:
    """Command lines of the processes that have this path among their arguments or below."""
    lines = [_command_line(int(process.name)) for process in Path("/proc").glob("[0-9]*")]
    return [line for line in lines if str(path) in line]


def start_owner(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python process running `code`, which prints a line when ready and then reads its stdin to the end."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def released_at_once(owners: Sequence[subprocess.Popen[str]]) -> list[str]:
    """What each of these prints after its "ready", when all of them have come so far; they are ended behind it."""
    try:
        for owner in owners:
            assert owner.stdout.readline() == "ready\n"
        for owner in owners:
            owner.stdin.write("go\n")
            owner.stdin.flush()
        return [owner.stdout.readline().strip() for owner in owners]
    finally:
        for owner in owners:
            owner.kill()
            owner.communicate()


def _ends(pid: int, limit_s: float) -> bool:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ended, _, _ = select.select([process], [], [], limit_s)  # Readable once it has ended: pidfd_open(2).
    finally:
        os.close(process)
    return bool(ended)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # Ended meanwhile.
        return ""
