"""A second process with a ledger in memory, and tasks for it: python assistant_process.py DESCRIPTOR."""

import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from time import sleep

from dispatch.adapters.assistant import ProcessAssistant, serve
from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.ports.ledger import EventLedger


def in_memory() -> ProcessAssistant:
    """One that works on a ledger in memory."""
    return ProcessAssistant([str(Path(__file__))], "nothing to say")


def doubled(ledger: EventLedger, items: Iterator[int]) -> Iterator[int]:
    return (2 * item for item in items)


def own_pid(ledger: EventLedger, items: Iterator[object]) -> Iterator[int]:
    yield os.getpid()


def refuses(ledger: EventLedger, items: Iterator[int]) -> Iterator[int]:
    for item in items:
        if item == 3:
            raise ValueError("three")
        yield item


class Stubborn(Exception):
    """Cannot be made again from what it says."""

    def __init__(self, one: str, *, other: str) -> None:
        super().__init__(one + other)


def refuses_in_its_own_way(ledger: EventLedger, items: Iterator[object]) -> Iterator[int]:
    yield 1
    raise Stubborn("Ann", other=" Smith")


def dies(ledger: EventLedger, items: Iterator[int]) -> Iterator[int]:
    yield next(items)
    os._exit(1)


def sleeps(ledger: EventLedger, items: Iterator[object]) -> Iterator[int]:
    yield os.getpid()
    sleep(60)


def main(descriptor: int) -> None:
    """Serve."""
    connection = Connection(descriptor)
    connection.recv()
    serve(connection, MemoryLedger())


if __name__ == "__main__":
    main(int(sys.argv[1]))
