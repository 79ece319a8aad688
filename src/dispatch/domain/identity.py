"""Identity is content: the same file is the same batch, the same row of it the same job.

Ids are UUIDs of version 8 (RFC 9562, section 5.8) in their canonical text form.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime

ROWS_MAX = 0xFFFF_FFFF
CHANCE_BYTES = 10


def batch_id(file_hash: str, run: int = 1) -> str:
    """The id of the `run`-th import of the file with this SHA-256 (hex)."""
    return _uuid8(hashlib.sha256(f"batch:{file_hash}:{run}".encode()).hexdigest())


def source_id(name: str) -> str:
    """The id of the source of this name."""
    return _uuid8(hashlib.sha256(f"source:{name}".encode()).hexdigest())


def notification_id(idempotency_key: str) -> str:
    """The id of the notification that was asked for under this key: the same key is the same notification."""
    return _uuid8(hashlib.sha256(f"notification:{idempotency_key}".encode()).hexdigest())


def new_notification_id(at: datetime, chance: bytes) -> str:
    """The id of one that has no key: 48 bits of Unix milliseconds, so that ids are neighbours, then 74 bits of chance.

    Raises ValueError: fewer than 10 bytes of chance.
    """
    if len(chance) < CHANCE_BYTES:
        raise ValueError(f"an id needs {CHANCE_BYTES} bytes of chance")
    return _uuid8(f"{int(at.timestamp() * 1000):012x}{chance[:CHANCE_BYTES].hex()}")


def endpoint_id(name: str) -> str:
    """The id of the endpoint of this name."""
    return _uuid8(hashlib.sha256(f"endpoint:{name}".encode()).hexdigest())


def webhook_id(kind: str, message_id: str, file_hash: str) -> str:
    """The id of a message of this type: by the sender's id of it, or by its bytes (SHA-256, hex) where it has none."""
    named = f"id:{message_id}" if message_id else f"bytes:{file_hash}"
    return _uuid8(hashlib.sha256(f"webhook:{kind}:{named}".encode()).hexdigest())


def pause_id(scope: str, name: str) -> str:
    """The id of the pause of this target."""
    return _uuid8(hashlib.sha256(f"pause:{scope}:{name}".encode()).hexdigest())


def fleet_id(role: str) -> str:
    """The id of the fleet of this role."""
    return _uuid8(hashlib.sha256(f"fleet:{role}".encode()).hexdigest())


def zone_id() -> str:
    """The id of the one zone that an installation is in."""
    return _uuid8(hashlib.sha256(b"zone").hexdigest())


def command_id(*parts: object) -> str:
    """An id for a command that is the same whenever the same thing is asked again."""
    return _uuid8(hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest())


def job_ids(batch: str, received_at: datetime) -> Callable[[int], str]:
    """Gives the job id of a row number of this batch.

    Time first (48 bits of Unix milliseconds), then 42 bits of the batch id, then the row number (32 bits): a batch's
    ids are neighbours in the index and rise with the rows. Random ids cost a third of an import, half of later appends.
    """
    milliseconds = f"{int(received_at.timestamp() * 1000):012x}"
    bits = batch.replace("-", "")
    variant = "89ab"[int(bits[3], 16) & 3]
    prefix = f"{milliseconds[:8]}-{milliseconds[8:]}-8{bits[:3]}-{variant}{bits[4:7]}-{bits[7:11]}"

    def job_id(row: int) -> str:
        return f"{prefix}{row:08x}"

    return job_id


def _uuid8(digest: str) -> str:
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
