"""docs/how_to/repair_a_batch.md is what happens: its commands run in order, and what it shows is there."""

from pathlib import Path

import pytest

from end_to_end.pages import play
from end_to_end.running import environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "repair_a_batch.md"


@pytest.mark.acceptance("1.15", part="the how-to of the repair loop, as it is written")
@pytest.mark.acceptance("1.37", part="the how-to of undo and reset, as it is written")
def test_the_page_shows_what_happens(tmp_path: Path):
    play(PAGE, tmp_path, environment(http_port="0", work_ack_wait_s="3"))
