"""What may be asked about the number of a role's processes."""

from datetime import datetime

import msgspec

from dispatch.domain.fleet.events import Scalable


class ScaleRole(msgspec.Struct, frozen=True, kw_only=True):
    """Let there be so many processes of this role."""

    fleet_id: str
    at: datetime
    role: Scalable
    processes: int
    by: str
    reason: str


Command = ScaleRole
