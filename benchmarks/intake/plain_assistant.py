"""The second process of an import that encrypts nobody: what the product never does, and is compared with."""

import sys
from contextlib import closing
from multiprocessing.connection import Connection

from benchmarks.lab import open_ledger
from dispatch.adapters.assistant import serve
from dispatch.entrypoints.interpreter import tune_interpreter


def main(descriptor: int) -> None:
    """As `dispatch.entrypoints.assistant`, with a ledger without a vault."""
    connection = Connection(descriptor)
    settings = connection.recv()
    tune_interpreter()
    with closing(open_ledger(settings.database_url)) as ledger:
        serve(connection, ledger)


if __name__ == "__main__":
    main(int(sys.argv[1]))
