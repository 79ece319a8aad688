"""Every advisory lock of the system, in one place: two with one number would wait for each other for ever."""

from enum import IntEnum

_FIRST = int.from_bytes(b"dispatch")  # 7235441202855961448


class Lock(IntEnum):
    """Keys of `pg_advisory_lock` and its kin. Take a new number at the end; none is ever used again."""

    APPEND = _FIRST  # Held by every append until it has committed; `ledger.append` has the number too.
    MIGRATE = _FIRST + 1  # One migration at a time, whoever starts it.
    PREPARE = _FIRST + 2  # CREATE TABLE IF NOT EXISTS is not safe for two at once.
    LEAD_RELAY = _FIRST + 3
    LEAD_SEALER = _FIRST + 4
    SEAL = _FIRST + 5
    LEAD_SOURCES = _FIRST + 6
    INTAKE_SHEET = _FIRST + 7
    LEAD_PUBLISHER = _FIRST + 10
    LEAD_WEBHOOKS = _FIRST + 11
    COMPANY_NUMBERS = _FIRST + 20
    LEAD_OUTBOX = _FIRST + 21
