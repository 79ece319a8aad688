"""Time and chance, so that tests can hold them still."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time now, aware and in UTC."""

    def __call__(self) -> datetime: ...


def utc_now() -> datetime:
    """The system's time in UTC."""
    return datetime.now(UTC)
