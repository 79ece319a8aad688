"""A measurement in a process of its own, so that its peak of memory is its own."""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.contest import Timed
from dispatch.entrypoints.interpreter import tune_interpreter


def isolated(measure: Callable[..., Timed], *arguments: object, memory: bool = False) -> Timed:
    """What `measure(*arguments)` answers; with `memory` also `peak_mb`: its peak of resident memory,
    and that of processes that it has started, imports included.

    Raises RuntimeError when the process fails; its traceback is on stderr.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, measure, arguments, memory), daemon=True)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError(f"{measure.__name__} failed") from None
    finally:
        process.join()


def _run(sender: Connection, measure: Callable[..., Timed], arguments: tuple[object, ...], memory: bool) -> None:
    tune_interpreter()
    timed = measure(*arguments)
    if memory:
        timed = replace(timed, seen={**timed.seen, "peak_mb": round(_peak_mb(), 1)})
    sender.send(timed)
    sender.close()
    os._exit(0)  # Whatever threads a peer has left behind, this process is done.


def _peak_mb() -> float:
    """Of this process and of those that it has started, each at its own peak.

    Not getrusage: its ru_maxrss remembers the parent from before exec.
    """
    started = [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    return sum(_peak_bytes(pid) for pid in ("self", *started)) / 1e6


def _peak_bytes(pid: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
