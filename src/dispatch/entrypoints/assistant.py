"""The second process of an intake process: prepares rows for the ledger on connections of its own.

Started by `ProcessAssistant`, which sends the settings; it ends with whoever started it.
"""

import os
import signal
import sys
from contextlib import closing
from multiprocessing.connection import Connection

from psycopg_pool import ConnectionPool

from dispatch.adapters.assistant import ProcessAssistant, serve
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.privacy.keyring import Keyring
from dispatch.adapters.privacy.ledger import EncryptedLedger
from dispatch.adapters.privacy.master_keys import MasterKeys
from dispatch.adapters.privacy.vault import PostgresPersonVault
from dispatch.entrypoints.interpreter import tune_interpreter
from dispatch.entrypoints.settings import Settings

COMMAND = ("-m", "dispatch.entrypoints.assistant")
CONNECTIONS_MAX = 2


def open_assistant(settings: Settings) -> ProcessAssistant | None:
    """The second process of this one, which starts when it is first asked; None where it would only be in the way."""
    return ProcessAssistant(COMMAND, settings) if (os.cpu_count() or 1) > 1 else None


def main(descriptor: int) -> None:
    """Serve until the other end of this socket is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one.
    connection = Connection(descriptor)
    settings: Settings = connection.recv()
    tune_interpreter()
    url = settings.database_url
    with (
        ConnectionPool(url, min_size=0, max_size=CONNECTIONS_MAX, name="assistant") as pool,
        closing(PostgresLedger(LedgerRecorder(open_datastore(url)))) as plain,
    ):
        keyring = Keyring(pool, MasterKeys(settings.data / "master.key", settings.master_key))
        serve(connection, EncryptedLedger(plain, PostgresPersonVault(pool, keyring)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
