"""docs/how_to/work_off_failures.md is what happens: its commands run in order, and what it shows is there."""

from pathlib import Path

import pytest

from end_to_end.pages import play
from end_to_end.running import environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "work_off_failures.md"


@pytest.mark.acceptance("S.09", part="working off dead letters, as the how-to shows it")
def test_the_page_shows_what_happens(tmp_path: Path):
    play(PAGE, tmp_path, environment(http_port="0"))
