"""A batch as it stands in the ledger, for the use cases that ask about one."""

from typing import cast

from dispatch.application.ports.ledger import EventLedger
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import Event
from dispatch.domain.batch.refusals import BatchUnknown
from dispatch.domain.batch.state import Batch


def load_batch(ledger: EventLedger, batch_id: str) -> tuple[Batch, int]:
    """The batch and the version of its stream; version 0 for one that was never received. Raises LedgerUnavailable."""
    history = ledger.load(batch_id)
    return decider.fold(cast("list[Event]", history.events)), history.version


def batch_events(ledger: EventLedger, batch_id: str) -> list[Event]:
    """What has happened to it. Raises BatchUnknown, LedgerUnavailable."""
    events = cast("list[Event]", list(ledger.load(batch_id).events))
    if not events or decider.fold(events).status is None:
        raise BatchUnknown(batch_id)
    return events
