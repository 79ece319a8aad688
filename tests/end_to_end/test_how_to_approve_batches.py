"""docs/how_to/approve_batches.md is what happens: its commands run in order, under the settings that it exports."""

import re
import subprocess
from pathlib import Path

import pytest

from dispatch.entrypoints.supervisor.ports import held_port
from end_to_end.pages import play
from end_to_end.running import DISPATCH, environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]
PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "approve_batches.md"
EXPORT = re.compile(r"^export (DISPATCH_\w+)=(\S+)", re.MULTILINE)
PORT = "8080"


@pytest.mark.acceptance("1.59", part="the whole way, as the how-to shows it")
def test_the_page_shows_what_happens(tmp_path: Path):
    exported = dict(EXPORT.findall(PAGE.read_text(encoding="utf-8")))
    assert len(exported) == 4
    with held_port() as port:
        environ = environment(http_port=str(port)) | exported
        play(PAGE, tmp_path, environ, lambda command: command.replace(f":{PORT}/", f":{port}/"))
    assert not (tmp_path / ".data" / "runtime.json").exists()


def test_up_with_a_file_that_waits_says_what_to_do_and_ends_with_3(tmp_path: Path):
    command = [*DISPATCH, "up", "--demo", "--once", "--port", "0", "--data", str(tmp_path / "data")]
    environ = environment(approval_error_percent="1")
    done = subprocess.run(command, env=environ, text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 3, done.stderr
    assert "Batch Waits for Approval. Error rate 4.0% is above the warning rate 1%." in done.stdout
    assert "Let it in: dispatch batch approve " in done.stderr
    assert "500 rows = 0 delivered" in done.stdout
