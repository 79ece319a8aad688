"""docs/runbook.md, "Events stay pending": the manual test call passes through the running system as it is written."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from end_to_end.running import environment, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]

PAGE = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")


@pytest.mark.acceptance("2.21", part="the manual test call with curl, as it is written")
def test_the_test_call_is_delivered(tmp_path: Path):
    [commands] = re.findall(
        r"^```bash\n(.*?)^```$", PAGE.split("## Events stay pending")[1].split("\n## ")[0], re.MULTILINE | re.DOTALL
    )
    with up(tmp_path / "data", "--scenario", "calm") as running:
        done = subprocess.run(
            ["bash", "-euc", commands],
            env=environment() | {"API": running.note["api_url"], "NO_PROXY": "127.0.0.1", "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    status, _, why = done.stdout.partition("\n")
    assert status == '"status":"delivered"'
    assert "every stage of its route is done" in why
