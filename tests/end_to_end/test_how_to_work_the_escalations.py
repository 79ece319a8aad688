"""docs/how_to/work_the_escalations.md is what happens: its commands run in order, with a provider that is down."""

import re
from pathlib import Path

import pytest

from end_to_end.pages import play
from end_to_end.running import environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]
PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "work_the_escalations.md"
EXPORT = re.compile(r"^export (DISPATCH_\w+)=(\S+)", re.MULTILINE)


def test_the_page_shows_what_happens(tmp_path: Path):
    exported = dict(EXPORT.findall(PAGE.read_text(encoding="utf-8")))
    assert len(exported) == 1
    play(PAGE, tmp_path, environment(http_port="0") | exported)
