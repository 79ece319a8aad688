"""A handler in a process of its own, which notes when it was called for what; the clock is the machine's."""

import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection

from benchmarks.contest import Timed

WARM_UP = 20
GAP_S = 0.005
PATIENCE_S = 60.0


@contextmanager
def handler(listen: Callable[..., None], *arguments: object) -> Iterator[Callable[[], Mapping[str, int]]]:
    """`listen(connection, *arguments)` in a process of its own, listening; gives what collects its times, in ns."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=listen, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        assert _answer(ours) == "listening"
        yield lambda: _answer(ours)
    finally:
        process.kill()
        process.join()


def timed(began: Mapping[str, int], handled: Mapping[str, int]) -> Timed:
    """One over the 99th percentile; the first ones warm up. Raises KeyError for what was not handled."""
    took_ms = sorted((handled[name] - started) / 1e6 for name, started in list(began.items())[WARM_UP:])
    quantiles = statistics.quantiles(took_ms, n=100, method="inclusive")
    p50, p99 = quantiles[49], quantiles[98]
    return Timed(len(took_ms), len(took_ms) * p99 / 1e3, {"p50 ms": round(p50, 3), "p99 ms": round(p99, 3)})


def _answer(connection: Connection) -> object:
    assert connection.poll(PATIENCE_S), "the handler does not answer"
    return connection.recv()
