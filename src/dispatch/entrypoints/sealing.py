"""Wires the evidence of the ledger: the key that signs, who seals, and who proves."""

from dataclasses import dataclass
from pathlib import Path

from dispatch.adapters.seal.evidence import PostgresEvidence
from dispatch.adapters.seal.exports import ROTATIONS, CheckpointFolder
from dispatch.adapters.seal.keys import SealKey
from dispatch.adapters.seal.notes import KeyInvalid
from dispatch.adapters.seal.sealer import EVENTS_PER_CHECKPOINT, Sealer, SealRefused
from dispatch.application.ports.evidence import EvidenceMissing, LedgerEvidence
from dispatch.entrypoints.settings import Settings


@dataclass(frozen=True)
class Sealing:
    """What the sealer's role runs, and what the commands of the ledger ask."""

    key: SealKey
    sealer: Sealer
    evidence: LedgerEvidence

    def sign_now(self) -> None:
        """Seal what is recorded and copy the checkpoint out, without waiting for the role. Raises EvidenceMissing."""
        try:
            while self.sealer.step() >= EVENTS_PER_CHECKPOINT:
                pass
            self.sealer.export()
        except (SealRefused, KeyInvalid) as error:
            fix = "run `dispatch ledger verify`"
            raise EvidenceMissing("seal_refused", str(error), "the ledger and its key", fix) from error

    def rotate_key(self) -> str:
        """Sign with a new key from now on; answers its public half. Raises EvidenceMissing."""
        try:
            return self.key.rotate().text()
        except (KeyInvalid, FileNotFoundError) as error:
            fix = "sign a first checkpoint with `dispatch ledger checkpoint --sign-now`"
            raise EvidenceMissing("key_missing", str(error), str(self.key.path), fix) from error


def wire_sealing(settings: Settings) -> Sealing:
    """The evidence of the ledger in the settings' database."""
    exports = CheckpointFolder(settings.data / "checkpoints")
    key_file = Path(settings.seal_key_file) if settings.seal_key_file else settings.data / "seal.key"
    key, url = SealKey(key_file, exports.path / ROTATIONS, settings.seal_origin), settings.database_url
    return Sealing(key, Sealer(url, key, exports), PostgresEvidence(url, key, exports))
