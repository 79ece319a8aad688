"""How urgent a job is among those that wait at the same stage."""

from enum import StrEnum


class JobPriority(StrEnum):
    """High goes first and low last, and none of them waits for ever (ADR 0023)."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
