"""The shim that makes a fast disk slow: compiled here, loaded into Postgres only, and checked to work."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.lab import LabMissing

SOURCE = Path(__file__).with_name("slowsync.c")
PROBE = """
import sys
from pathlib import Path
from benchmarks.machine import fdatasync_us
print(fdatasync_us(Path(sys.argv[1])))
"""


def build(folder: Path) -> Path:
    """The compiled shim. Raises LabMissing where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise LabMissing("there is no C compiler (cc, gcc or clang), and the slow disk is 20 lines of C")
    library = folder / "slowsync.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    return library


@contextmanager
def slow(library: Path, added_us: int) -> Iterator[None]:
    """Whatever is started inside has the slow disk; this process keeps its own."""
    wanted = {"LD_PRELOAD": str(library), "SLOWSYNC_US": str(added_us)}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def slow_fdatasync_us(folder: Path) -> float:
    """What an fdatasync takes in a process that is started now."""
    done = subprocess.run([sys.executable, "-c", PROBE, folder], check=True, capture_output=True, text=True)
    return float(done.stdout)
