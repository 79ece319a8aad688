"""A wish to stop that a signal handler may express at any moment, also inside another handler."""

import signal
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from types import FrameType

LOOK_EVERY_S = 0.5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Like `threading.Event`, for signal handlers.

    An Event takes a lock to be set, and a handler runs in the middle of whatever the main thread does: when that is
    `set` or `wait` of the same Event, the process waits for itself for ever. A `SimpleQueue` can be put into at any
    moment. And a thread that waits without end is not woken by a signal that another thread has got: Ctrl-C with a
    SIGTERM right behind it could leave the process waiting, with nothing pending.
    """

    def __init__(self) -> None:
        self._asked = False
        self._wake = SimpleQueue[None]()

    def set(self) -> None:
        """Ask to stop."""
        self._asked = True
        self._wake.put(None)

    def is_set(self) -> bool:
        """Has somebody asked?"""
        return self._asked

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until somebody asks, for at most `timeout_s` seconds; says whether somebody has."""
        until = None if timeout_s is None else monotonic() + timeout_s
        while not self._asked:
            left_s = LOOK_EVERY_S if until is None else min(LOOK_EVERY_S, until - monotonic())
            if left_s <= 0:
                return False
            try:  # In slices: the kernel may hand a signal to another thread, and then nothing wakes this one.
                self._wake.get(timeout=left_s)
            except Empty:
                continue
            self._wake.put(None)  # For the next who waits.
        return True


def stop_on_signals(numbers: Sequence[signal.Signals] = STOP_SIGNALS) -> StopRequest:
    """What is set as soon as one of these signals arrives. For the main thread only."""
    stop = StopRequest()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in numbers:
        signal.signal(number, on_signal)
    return stop
