"""A measurement in a process of its own, so that its peak of memory is its own."""

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.contest import Timed


def isolated(measure: Callable[..., Timed], *arguments: object) -> Timed:
    """What `measure(*arguments)` answers, with `peak_mb`: its peak of resident memory, with interpreter and imports.

    Raises RuntimeError when the process fails; its traceback is on stderr.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, measure, arguments), daemon=True)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError(f"{measure.__name__} failed") from None
    finally:
        process.join()


def _run(sender: Connection, measure: Callable[..., Timed], arguments: tuple[object, ...]) -> None:
    timed = measure(*arguments)
    sender.send(replace(timed, seen={**timed.seen, "peak_mb": round(_peak_mb(), 1)}))


def _peak_mb() -> float:
    """Not getrusage: its ru_maxrss remembers the parent from before exec."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6
