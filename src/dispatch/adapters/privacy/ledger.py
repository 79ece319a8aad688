"""The ledger with personal data encrypted before it is stored; what is read from it stays encrypted."""

from collections.abc import Iterable, Sequence

from dispatch.adapters.ledger.committer import Answer
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.privacy.vault import NEW_FROM, PostgresPersonVault
from dispatch.application.ports.ledger import Append, NewJobs, Prepared


class EncryptedLedger:
    """Implements the port `EventLedger` over `PostgresLedger`. Whoever needs a person asks the `PersonVault`."""

    def __init__(self, ledger: PostgresLedger, vault: PostgresPersonVault) -> None:
        self._ledger, self._vault = ledger, vault
        self.load, self.load_many, self.trace = ledger.load, ledger.load_many, ledger.trace
        self.read_kinds = ledger.read_kinds
        self.read, self.head, self.ping, self.close = ledger.read, ledger.head, ledger.ping, ledger.close

    def append(self, appends: Sequence[Append]) -> list[Answer]:
        return self._ledger.append(self._vault.encrypt(appends))

    def prepare(self, new: Iterable[Append] | NewJobs) -> Prepared:
        if isinstance(new, NewJobs):
            if len(new.rows) >= NEW_FROM:
                with self._vault.encrypting(new.job_ids) as encrypt:
                    return self._ledger.prepare(new, encrypt)
            new = new.appends()
        return self._ledger.prepare(self._vault.encrypt(list(new)))

    def append_bulk(self, marker: Append, new: Iterable[Append] | Prepared) -> range:
        [first] = self._vault.encrypt([marker])
        return self._ledger.append_bulk(first, new if isinstance(new, Prepared) else self._vault.encrypt(list(new)))
