"""Why a command about a batch is refused."""

from dispatch.domain.batch.commands import BatchCommand
from dispatch.domain.batch.state import Batch, BatchStatus
from dispatch.domain.errors import DomainError


class BatchUnknown(DomainError):
    """No file was received under this batch id."""

    code = "batch_unknown"


class BatchNotJudged(DomainError):
    """Rows are recorded only after all of them were judged."""

    code = "batch_not_judged"


class BatchHasOpenJobs(DomainError):
    """A batch is complete only when each of its jobs has ended."""

    code = "batch_has_open_jobs"


class BatchNotAwaitingApproval(DomainError):
    """Nobody is asked about this batch."""

    code = "batch_not_awaiting_approval"


class ApproverBroughtIt(DomainError):
    """Under the two-person rule whoever brought a file may not approve it."""

    code = "approver_brought_it"


class BatchBusy(DomainError):
    """The batch is being taken in or taken back; what is asked is possible before or after that."""

    code = "batch_busy"


class BatchWhole(DomainError):
    """No row of the batch is refused, so there is nothing to correct."""

    code = "batch_whole"


class BatchHasJobs(DomainError):
    """Rows of the batch are jobs already: undo the import first."""

    code = "batch_has_jobs"


class NothingToUndo(DomainError):
    """Nothing of the batch was admitted."""

    code = "nothing_to_undo"


class BatchTakenIn(DomainError):
    """The batch does not wait to be taken in any more, so its priority changes nothing."""

    code = "batch_taken_in"


class BatchTakenBack(DomainError):
    """The import was undone; reset the batch to take it in anew."""

    code = "batch_taken_back"


def must_be_known(command: BatchCommand, batch: Batch) -> None:
    """Raises BatchUnknown."""
    if batch.status is None:
        raise BatchUnknown(command.batch_id)


def must_be_judged(command: BatchCommand, batch: Batch) -> None:
    """Raises BatchUnknown, BatchNotJudged."""
    must_be_known(command, batch)
    if batch.status is BatchStatus.UPLOADED:
        raise BatchNotJudged(command.batch_id)
