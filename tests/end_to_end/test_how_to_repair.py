"""docs/how_to/repair_a_batch.md is what happens: its commands run in order, and what it shows is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.running import environment
from end_to_end.test_tutorial import CTRL_C, STAYS, Terminal, fits, steps

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "repair_a_batch.md"


@pytest.mark.acceptance("1.15", part="the how-to of the repair loop, as it is written")
@pytest.mark.acceptance("1.37", part="the how-to of undo and reset, as it is written")
def test_the_page_shows_what_happens(tmp_path: Path):
    environ = environment(http_port="0", work_ack_wait_s="3")
    environ |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    first: Terminal | None = None
    try:
        for step in steps(PAGE.read_text(encoding="utf-8")):
            where = f"{PAGE.name}, line {step.line}: {step.what}"
            if step.file:
                (tmp_path / step.file).write_text(step.what, encoding="utf-8")
                continue
            if step.what == STAYS:
                first = Terminal(step.what, tmp_path, environ)
                output = first.await_output(step.expected)
            elif step.what == CTRL_C:
                assert first is not None
                first.ctrl_c()
                output = first.await_output(step.expected)
            else:
                done = subprocess.run(
                    ["bash", "-c", step.what], cwd=tmp_path, env=environ, text=True, encoding="utf-8",
                    capture_output=True, timeout=90, check=False,
                )  # fmt: skip
                output = done.stdout + done.stderr
            assert fits(step.expected, output), f"{where}\nexpected:\n{step.expected}\n\nshown:\n{output}"
    finally:
        if first is not None:
            first.close()
