"""What deciding about an operation needs to know."""

import msgspec

from dispatch.domain.operations.events import Event, ReconciliationRun


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation as its events made it."""

    recorded: bool = False


def evolve(operation: Operation, event: Event) -> Operation:
    """The operation after this event."""
    match event:
        case ReconciliationRun():
            return Operation(recorded=True)
