"""One source as the ledger has it now: a view may be a moment behind whoever has just added it."""

from typing import cast

from dispatch.application.ports.ledger import EventLedger
from dispatch.application.ports.sources import SourceLooks, SourceRow
from dispatch.domain import identity
from dispatch.domain.source.decide import SourceUnknown, decider
from dispatch.domain.source.events import Event, SourceChecked
from dispatch.domain.source.state import SourceStatus


def source_row(ledger: EventLedger, looks: SourceLooks, name: str) -> SourceRow:
    """The source of this name. Raises SourceUnknown, also when it was removed, and LedgerUnavailable."""
    source_id = identity.source_id(name)
    events = cast("list[Event]", ledger.load(source_id).events)
    source = decider.fold(events)
    added = source.added
    if added is None or source.status is SourceStatus.REMOVED:
        raise SourceUnknown(name[:63])
    found = [event for event in events if isinstance(event, SourceChecked)]
    last, look = source.found, looks.last(source_id)
    turned = [event for event in events if not isinstance(event, SourceChecked)]
    return SourceRow(
        source_id=source_id,
        name=added.name,
        kind=added.kind,
        location=added.location,
        profile=added.profile,
        error_threshold_percent=added.error_threshold_percent,
        every_s=added.every_s,
        status=source.status,
        added_by=added.by,
        added_at=added.at,
        changed_at=turned[-1].at,
        batches=sum(event.is_new for event in found),
        known_again=sum(not event.is_new and not event.refused for event in found),
        refused=sum(bool(event.refused) for event in found),
        found_at=last.at if last else None,
        found_file=last.file_name if last else "",
        found_batch_id=(last.batch_id or None) if last else None,
        found_refused=last.refused if last else "",
        looked_at=look.at if look else None,
        next_look_at=look.next_at if look else None,
        outcome=look.outcome if look else None,
        detail=look.detail if look else "",
        failures=look.failures if look else 0,
    )
