"""What happened to a job, step by step, without a word about the person it is for."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from dispatch.application.ports.ledger import Recorded
from dispatch.domain.events import Event, event_name
from dispatch.domain.job.events import StageCompleted


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a job as anybody may see it: an allow-list of its fields, empty where it has none."""

    name: str
    at: datetime
    version: int
    position: int
    actor: str
    stage: str = ""
    attempt: int = 0
    next_stage: str = ""
    code: str = ""  # Why it failed, was escalated, blocked or cancelled.
    rule: str = ""
    due_at: datetime | None = None
    provider: str = ""


def timeline(recorded: Sequence[Recorded]) -> list[Step]:
    """The steps of one stream, in order."""
    return [_step(one) for one in recorded]


def _step(recorded: Recorded) -> Step:
    event = recorded.event
    return Step(
        name=event_name(event),
        at=event.at,
        version=recorded.version,
        position=recorded.position,
        actor=recorded.actor,
        stage=getattr(event, "stage", ""),
        attempt=getattr(event, "attempt", 0),
        next_stage=getattr(event, "next_stage", ""),
        code=getattr(event, "error_code", "") or getattr(event, "reason", ""),
        rule=getattr(event, "rule", ""),
        due_at=getattr(event, "due_at", None),
        provider=getattr(event, "provider", "") or _provider_of(event),
    )


def _provider_of(event: Event) -> str:
    """Whose answer completed a stage."""
    return str(event.output.get("provider", "")) if isinstance(event, StageCompleted) else ""
