"""Where in the ledger a moment is."""

from datetime import timedelta

import pytest

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.ledger_since import SLACK, position_before
from examples import NOON
from ledgers import new_id, start


@pytest.mark.parametrize("hours", range(-1, 9))
def test_all_behind_the_position_is_of_that_time_or_later(hours):
    now = [NOON]
    ledger = MemoryLedger(lambda: now[0])
    for _ in range(7):
        ledger.append([start(new_id()), start(new_id())])
        now[0] += timedelta(hours=1)
    moment = NOON + timedelta(hours=hours)
    position = position_before(ledger, moment)
    recorded = ledger.read(0, 100)
    assert [one.position for one in recorded if one.position > position] == [
        one.position for one in recorded if one.recorded_at >= moment - SLACK
    ]


def test_an_empty_ledger_begins_at_its_beginning():
    assert position_before(MemoryLedger(), NOON) == 0
