"""What may be asked about the zone."""

from datetime import datetime

import msgspec

from dispatch.domain.zone.events import Reading, Zone


class RecordZone(msgspec.Struct, frozen=True, kw_only=True):
    """The system is in this zone now."""

    zone_id: str
    at: datetime
    zone: Zone
    readings: tuple[Reading, ...]


Command = RecordZone
