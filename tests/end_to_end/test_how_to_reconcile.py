"""docs/how_to/reconcile.md is what happens: its commands run, what it shows is there, and it knows each code."""

import re
from pathlib import Path

import pytest

from dispatch.application.reconcile.findings import MEANINGS, Code
from end_to_end.pages import play
from end_to_end.running import environment

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "reconcile.md"


@pytest.mark.end_to_end
@pytest.mark.postgres
@pytest.mark.nats
@pytest.mark.timeout(240)
@pytest.mark.acceptance("S.09", part="the how-to of reconciliation, as it is written")
def test_the_page_shows_what_happens(tmp_path: Path):
    play(PAGE, tmp_path, environment(http_port="0", work_ack_wait_s="3"))


def test_the_page_lists_every_code_and_what_mends_it():
    text = PAGE.read_text(encoding="utf-8")
    codes = text.split("## What can differ")[1].split("\n## ")[0]
    listed = {code for line in codes.splitlines() for code in re.findall(r"`([a-z_]+)`", line.split(" | ")[0])}
    assert listed == {code.value for code in Code}
    repairs = text.split("| repair | mends |")[1].split("\n\n")[0]
    mended = {code for line in repairs.splitlines() for code in re.findall(r"`([a-z_]+)`", line)}
    assert mended == {code.value for code, meaning in MEANINGS.items() if meaning.repair is not None}
