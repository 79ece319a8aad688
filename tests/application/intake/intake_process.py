"""An intake process that is killed (-9) at its n-th call of the database: python intake_process.py URL FOLDER BATCH N.

The call is about to be made where N is odd, and was made where it is even. Ends with 0 when the batch needs no more.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from psycopg_pool import ConnectionPool

from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.intake.repair import RepairBatch
from dispatch.application.intake.take_in import TakeIn
from dispatch.application.intake.undo import UndoImport
from dispatch.application.ports.clock import utc_now

ROWS_PER_CHUNK = 3


class Kill:
    """Around things whose calls are counted."""

    def __init__(self, at: int) -> None:
        self.left, self.behind = (at + 1) // 2, at % 2 == 0

    def around(self, thing: Any, *names: str) -> Any:
        for name in names:
            setattr(thing, name, self._counted(getattr(thing, name)))
        return thing

    def _counted(self, call: Any) -> Any:
        def counted(*asked: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.behind:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = call(*asked, **options)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return counted


def main(url: str, folder: str, batch_id: str, at: str) -> None:
    kill, files = Kill(int(at)), FolderFileStore(Path(folder))
    with ConnectionPool(url, min_size=1, max_size=2) as pool:
        ledger = kill.around(PostgresLedger(LedgerRecorder(open_datastore(url))), "append", "append_bulk")
        keys = kill.around(PostgresNaturalKeys(pool), "claim", "release")
        admit = AdmitBatch(ledger, files, keys, utc_now, ROWS_PER_CHUNK)
        repair = RepairBatch(ledger, files, keys, utc_now, ROWS_PER_CHUNK)
        undo = UndoImport(ledger, keys, utc_now, jobs_per_chunk=ROWS_PER_CHUNK)
        TakeIn(ledger, admit, repair, undo)(batch_id)
        ledger.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
