"""What has happened to the number of a role's processes. Names and fields are stored: extend them, never rename."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Scalable(StrEnum):
    """The roles of which any number of processes may work side by side."""

    WORKER = "worker"
    INTAKE = "intake"


class FleetEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about the processes of one role."""

    fleet_id: str
    at: datetime


class RoleScaled(FleetEvent, frozen=True, kw_only=True):
    """From here on there are to be so many processes of this role."""

    role: Scalable
    processes: int
    by: str
    reason: str


Event = RoleScaled
"""What a fleet's stream holds."""
