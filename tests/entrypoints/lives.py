"""What the processes of the supervisor's tests do."""

import os
import signal
from multiprocessing.connection import Connection


def waits(word: str, ready: Connection) -> None:
    """Ready, and there until it is told to go."""
    ready.send(("it", word))
    signal.pause()


def dies(code: int, ready: Connection) -> None:
    """Dies at once; `code` below zero is a signal."""
    ready.close()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def will_not_go(ready: Connection) -> None:
    """Does not hear SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready.send(("it", "stays"))
    while True:
        signal.pause()
