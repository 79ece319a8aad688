"""How the operating system shares the processor between those who do the work and those who follow it."""

import os
from collections.abc import Sequence
from contextlib import suppress

import structlog

log = structlog.get_logger(__name__)

FOLLOWERS = frozenset({"publisher", "timers", "sources", "projector", "sealer", "outbox", "webhooks"})
"""Roles that read what others have recorded. Each new event wakes all of them at the same moment as the relay."""
NICENESS = 5
"""Above what it was started with: a third of the weight of the others where the processor is short (sched(7))."""


def give_way(roles: Sequence[str]) -> bool:
    """Let this process wait for those who work, when it only follows; says whether it does.

    It neither interrupts who is at work when it wakes (SCHED_BATCH) nor takes more than a third of the time of one who
    wants to work too. Where the system knows none of this, or forbids it, everything stays as it is.
    """
    if not FOLLOWERS.issuperset(roles):
        return False
    with suppress(OSError):
        if hasattr(os, "SCHED_BATCH"):  # Linux
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        os.nice(NICENESS)
        return True
    log.info("process.gives_no_way", roles=list(roles))
    return False
