"""Given events, on their streams and in the views."""

import pytest
from following import catch_up

from dispatch.application.ports.ledger import Append
from examples import BATCH_ID
from ledgers import cause


@pytest.fixture
def given(ledger, projector):
    """Records events, each on its aggregate's stream, and projects them."""

    def record(*events):
        for event in events:
            stream = getattr(event, "job_id", BATCH_ID)
            ledger.append([Append(stream, ledger.load(stream).version, [event], cause())])
        catch_up(projector)

    return record
