"""What a file would come to: the answer of a dry run."""

from datetime import datetime
from enum import StrEnum

import msgspec

from dispatch.application.ports.providers import Channel
from dispatch.domain.rows import RowError


class WouldBe(StrEnum):
    """What would happen to the file."""

    NOTHING = "nothing"  # The same content was received before.
    REJECTED = "rejected"
    AWAITING_APPROVAL = "awaiting_approval"
    ADMITTED = "admitted"


class SameFile(msgspec.Struct, frozen=True, kw_only=True):
    """The batch that the file is already."""

    batch_id: str
    file_name: str
    received_at: datetime
    received_by: str


class GateCount(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that the consent gate would answer alike, by the way their message would travel.

    A row is counted by the address that it brings itself: e-mail, or else text message.
    """

    allowed: bool
    rule: str
    reason: str
    channel: Channel
    rows: int


class StageCalls(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of a provider at one stage, one for each job that comes to it; retries are not counted."""

    stage: str
    provider: str
    calls: int
    price_pence: float | None  # A call; None: no price set.
    cost_pence: float | None


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on recent batches: the medians of their rates. 0: no measurement yet."""

    batches: int
    rows_per_s: float
    jobs_per_s: float


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """How long it would take until each job has ended, behind the jobs that are under way now."""

    pace: Pace
    jobs_ahead: int
    seconds: float | None  # None: nothing was measured yet.


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a file would come to. rows = accepted + rejected + duplicates; jobs = accepted - known_references.

    Where nothing would be admitted, there are no jobs, no gate, no calls and no estimate.
    """

    would_be: WouldBe
    reason: str = ""  # Why it would be rejected, or why a person would be asked.
    same_file: SameFile | None = None
    file_hash: str
    file_bytes: int
    profile: str
    error_threshold_percent: int
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0  # Within the file.
    errors_by_code: dict[str, int] = {}
    first_errors: tuple[RowError, ...] = ()
    error_rate_percent: float = 0.0
    budget_holds: bool = True
    value_pence: int = 0  # Of the accepted rows.
    known_references: int = 0  # Accepted rows whose reference an earlier batch brought.
    jobs: int = 0
    gate: tuple[GateCount, ...] = ()
    allowed: int = 0
    blocked: int = 0
    calls: tuple[StageCalls, ...] = ()
    cost_pence: float | None = None  # None where no stage has a price.
    estimate: Estimate | None = None
