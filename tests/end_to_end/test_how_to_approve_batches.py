"""docs/how_to/approve_batches.md is what happens: its commands run in order, under the settings that it exports."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.running import DISPATCH, environment
from end_to_end.test_tutorial import CTRL_C, STAYS, Terminal, fits, steps

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]
PAGE = (Path(__file__).parents[2] / "docs" / "how_to" / "approve_batches.md").read_text(encoding="utf-8")
EXPORT = re.compile(r"^export (DISPATCH_\w+)=(\S+)", re.MULTILINE)
PORT = "8080"


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


@pytest.mark.acceptance("1.59", part="the whole way, as the how-to shows it")
def test_the_page_shows_what_happens(tmp_path: Path):
    port = free_port()
    environ = environment(http_port=port) | dict(EXPORT.findall(PAGE))
    assert len(environ.keys() & {name for name, _ in EXPORT.findall(PAGE)}) == 4
    environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    first: Terminal | None = None
    try:
        for step in steps(PAGE):
            if step.file:
                (tmp_path / step.file).write_text(step.what, encoding="utf-8")
                continue
            command = step.what.replace(f":{PORT}/", f":{port}/")
            if command.startswith(STAYS):
                first = Terminal(command, tmp_path, environ)
                output = first.await_output(step.expected)
            elif command == CTRL_C:
                assert first is not None
                first.ctrl_c()
                output = first.await_output(step.expected)
            else:
                done = subprocess.run(
                    ["bash", "-c", command], cwd=tmp_path, env=environ, text=True, capture_output=True, timeout=90,
                    check=False,
                )  # fmt: skip
                output = done.stdout + done.stderr
            assert fits(step.expected, output), f"line {step.line}: {command}\nexpected:\n{step.expected}\n\n{output}"
    finally:
        if first is not None:
            first.close()
    assert not (tmp_path / ".data" / "runtime.json").exists()


def test_up_with_a_file_that_waits_says_what_to_do_and_ends_with_3(tmp_path: Path):
    command = [*DISPATCH, "up", "--demo", "--once", "--port", "0", "--data", str(tmp_path / "data")]
    environ = environment(approval_error_percent="1")
    done = subprocess.run(command, env=environ, text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 3, done.stderr
    assert "Batch Waits for Approval. Error rate 4.0% is above the warning rate 1%." in done.stdout
    assert "Let it in: dispatch batch approve " in done.stderr
    assert "500 rows = 0 delivered" in done.stdout
