"""Where in the ledger a moment is: the position behind which all events of it and later stand."""

from datetime import datetime, timedelta

from dispatch.application.ports.ledger import EventLedger

SLACK = timedelta(minutes=1)
"""An append waits for its turn after its time was taken: so much may times and positions disagree."""


def position_before(ledger: EventLedger, moment: datetime) -> int:
    """A position before which nothing was recorded at `moment` or later; found in about 40 looks.

    Raises LedgerUnavailable.
    """
    since = moment - SLACK
    low, high = 0, ledger.head()  # All up to `low` is older; whatever is behind `high` is not.
    while low < high:
        middle = (low + high) // 2
        found = ledger.read(middle, 1)
        if found and found[0].recorded_at < since:
            low = found[0].position
        else:
            high = middle
    return low
