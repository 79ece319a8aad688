"""Events of one job as they stand in a ledger, a second apart and in a row."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from dispatch.application.ports.ledger import Recorded
from dispatch.domain.job.events import Event
from examples import BATCH_ID, JOB_ID, NOON


def recorded(*events: Event, actor: str = "worker", first_position: int = 10) -> list[Recorded]:
    """Each event happens a second after the one before, the first one at noon."""
    timed = [replace(event, at=NOON + timedelta(seconds=number)) for number, event in enumerate(events)]
    return in_order(timed, actor, first_position)


def in_order(events: Sequence[Event], actor: str = "worker", first_position: int = 10) -> list[Recorded]:
    """The events with the times that they have."""
    return [
        Recorded(
            position=first_position + number,
            stream=JOB_ID,
            version=number + 1,
            event=event,
            recorded_at=event.at + timedelta(milliseconds=3),
            actor=actor,
            correlation_id=BATCH_ID,
            causation_id=f"00000000-0000-8000-8000-{number + 1:012d}",
        )
        for number, event in enumerate(events)
    ]
