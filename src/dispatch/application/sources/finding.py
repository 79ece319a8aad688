"""Recording that something was found at a source."""

from contextlib import suppress
from datetime import datetime

from dispatch.application.handle import handle
from dispatch.application.intake.receive import Received
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.domain import identity
from dispatch.domain.source.commands import RecordFinding
from dispatch.domain.source.decide import SourceUnknown, decider


def actor(name: str) -> str:
    """Under which name the ledger records what came from a source."""
    return f"source:{name}"


def record_finding(
    ledger: EventLedger, at: datetime, name: str, file_name: str, received: Received | None = None, refused: str = ""
) -> None:
    """The batch that was received, or the code under which a file was refused. The same again is no event.

    Of a source that was removed meanwhile nothing is recorded; what was received stays.

    Raises:
        LedgerUnavailable: the same may be recorded again.
    """
    source_id = identity.source_id(name)
    command = RecordFinding(
        source_id=source_id,
        at=at,
        file_name=file_name,
        file_hash=received.file_hash if received else "",
        batch_id=received.batch_id if received else "",
        is_new=received is not None and not received.duplicate,
        refused=refused,
    )
    asked = identity.command_id(source_id, "found", file_name, command.file_hash, at)
    cause = Cause(command_id=asked, correlation_id=source_id, actor=actor(name))
    with suppress(SourceUnknown):
        handle(ledger, decider, source_id, command, cause)
