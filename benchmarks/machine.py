"""Facts of the machine that a number depends on; none of them names the machine."""

import importlib.metadata
import os
import platform
import statistics
from pathlib import Path
from time import perf_counter

FSYNCS = 200
BLOCK = b"\0" * 8192  # One page of Postgres' log.


def fdatasync_us(folder: Path) -> float:
    """Median microseconds to overwrite 8 kB of a file in this folder and have it on the disk."""
    path = folder / "fdatasync.probe"
    took = []
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.write(file, BLOCK)
        os.fsync(file)
        for _ in range(FSYNCS):
            started = perf_counter()
            os.pwrite(file, BLOCK, 0)
            os.fdatasync(file)
            took.append(perf_counter() - started)
    finally:
        os.close(file)
        path.unlink()
    return statistics.median(took) * 1e6


def machine_facts(folder: Path) -> dict[str, str]:
    """What stands at the head of every table."""
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "memory": f"{memory_gib:.0f} GiB",
        "fdatasync of 8 kB": f"{fdatasync_us(folder):.0f} µs",
        "load before the run": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
    }


def versions(*packages: str) -> str:
    """`name version` of packages, for the head of a table; those that are not installed are said to be absent."""
    return ", ".join(f"{name} {_version(name)}" for name in packages)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
