"""What stops work and is nobody's fault."""

from dispatch.application.given_back import GivenBack
from dispatch.application.ports.ledger import LedgerUnavailable, VersionConflict
from dispatch.application.ports.privacy import KeyMissing, PersonUnreadable


def is_accident(error: Exception) -> bool:
    """Is it nobody's fault and over some time, so that the same work is to be tried again as it is?"""
    if isinstance(error, PersonUnreadable):
        return False  # One job's own: the others are not to wait for it.
    return isinstance(error, LedgerUnavailable | VersionConflict | KeyMissing | GivenBack)
