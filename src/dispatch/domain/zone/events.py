"""What has happened to the zone. Names and fields are stored: extend them, never rename."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Zone(StrEnum):
    """How the system does; shown in capitals."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Measure(StrEnum):
    """What is measured, with its unit."""

    LAG_S = "lag_s"  # For so long the slowest view, or the publisher, has left the next event lying.
    AGE_S = "age_s"  # So long overdue is the most overdue job at a stage that is not paused.
    ERRORS_PERCENT = "errors_percent"  # Of the attempts in the last hour.
    BATCHES = "batches"  # At work side by side.


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One measure, the zone that it is in by itself, and where yellow and red begin."""

    measure: Measure
    value: float
    zone: Zone
    yellow: float
    red: float


class ZoneEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about the zone of this installation."""

    zone_id: str
    at: datetime


class ZoneChanged(ZoneEvent, frozen=True, kw_only=True):
    """The system is in another zone than before, because of these readings."""

    zone: Zone
    before: Zone
    readings: tuple[Reading, ...]


Event = ZoneChanged
"""What the stream of the zone holds."""
