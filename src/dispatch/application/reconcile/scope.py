"""What a reconciliation looks at: everything, one batch, what moved since a time, or only what is open."""

from datetime import datetime

import msgspec


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """At most one of the three is set. `light` looks at batches and at overdue jobs, not at each job's history."""

    batch_id: str = ""
    since: datetime | None = None
    light: bool = False

    def __str__(self) -> str:
        if self.batch_id:
            return f"batch {self.batch_id}"
        if self.since is not None:
            return f"since {self.since.isoformat()}"
        return "light" if self.light else "all"
