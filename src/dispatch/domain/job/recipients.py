"""The rules of a job that may be written to one of several: a mailbox that is refused for good leads to the next."""

from dispatch.domain.job.commands import JobCommand
from dispatch.domain.job.events import Event, RecipientRefused, StageFailed
from dispatch.domain.job.state import Job

CLEARING, CHOOSING, SENDING = "clear", "choose_contact", "dispatch"

REFUSED_BEFORE = "address_refused_before"
"""The code of a recipient whose address is that of one who was refused: it is not written to again."""
ADDRESS_REFUSED = frozenset(
    {
        *("no_such_mailbox", "no_such_address", "mailbox_not_found", "mailbox_disabled", "user_unknown"),
        *("invalid_recipient", "undeliverable", "bounced", "bounce", "hard_bounce"),
        *("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"),  # RFC 3463, 3.2 and 3.3; RFC 7505, 4.
        REFUSED_BEFORE,
    }
)
"""Codes that say of the address, and not of the message or of us, that nothing can be delivered to it."""


def is_address_refused(code: str) -> bool:
    """Is it this address that is refused, for good? Providers spell it `Hard-Bounce` and `hard_bounce`."""
    return code.casefold().replace("-", "_") in ADDRESS_REFUSED


def has_recipients(job: Job) -> bool:
    """Was its recipient chosen, so that another one can be?"""
    return CHOOSING in job.route and "position" in job.outputs.get(CHOOSING, {})


def next_recipient(command: JobCommand, job: Job, failed: StageFailed) -> list[Event]:
    """The failure, and that the job goes back: past the consent gate anew, to where its recipient is chosen."""
    chosen = job.outputs[CHOOSING]
    return [
        failed,
        RecipientRefused(
            job_id=command.job_id,
            at=command.at,
            stage=failed.stage,
            recipient=f"{chosen['position']} {chosen.get('role', '')}".rstrip(),
            error_code=failed.error_code,
            next_stage=CLEARING if CLEARING in job.route[: job.route.index(CHOOSING)] else CHOOSING,
            attempt=max(job.attempted, failed.attempt) + 1,
            priority=job.priority,
        ),
    ]
