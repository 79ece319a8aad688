"""`dispatch limits`: which there are, and how full they are."""

import pytest

from dispatch.application.ports.limits import Limit
from dispatch.domain.gcra import Rate

pytestmark = [pytest.mark.postgres, pytest.mark.acceptance("S.04", part="dispatch limits shows the rates")]


def test_limits(run, system):
    limit = Limit("channel:sms", Rate(100))
    system.app.limiter.reserve_all([limit], 100, 1000.0)
    shown = {line["name"]: line for line in run("limits", "--json").lines()}
    assert (shown["channel:sms"]["per"], shown["channel:sms"]["seconds"], shown["channel:sms"]["burst"]) == (
        100,
        1.0,
        1,
    )
    assert shown["channel:email"]["taken"] == 0
    assert shown["caller:free:*"]["in_use"] == 0
    told = run("limits")
    assert told.code == 0
    assert "100 / 1 s" in told.out
    assert "100 / 60 s" in told.out
    assert "caller:free:*" in told.out
