"""docs/how_to/bring_files_in.md is what happens: its commands run in order, and show what it says."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.adapters.sources import folders
from web_files import web_files

pytestmark = pytest.mark.postgres
PAGE = (Path(__file__).parents[3] / "docs" / "how_to" / "bring_files_in.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(body: str) -> Iterator[tuple[str, str]]:
    """Each command of a block with what it shows."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def fits(expected: str, output: str) -> bool:
    """Is every part between `...` there, in this order? White space counts for nothing."""
    parts = [re.escape(" ".join(part.split())) for part in expected.split("...")]
    return re.search(r".*?".join(parts), " ".join(output.split())) is not None


def test_the_commands_of_the_page_show_what_it_says(system, run, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(folders, "SETTLED_AFTER_S", 0.01)
    monkeypatch.setenv("DISPATCH_SOURCE_FOLDERS", str(tmp_path))
    monkeypatch.setenv("DISPATCH_SOURCE_PRIVATE_HOSTS", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    ran = 0
    with web_files() as web:
        web.files["/jobs.csv"] = b"reference,service,price,customer_name,postcode\nC-1,eicr,85,Ann Example,LS1 4AP\n"
        for kind, name, body in BLOCK.findall(PAGE):
            if name:
                (tmp_path / name).write_text(body)
            for command, expected in commands(body) if kind == "console" else ():
                here = command.replace("/srv/in", f"{tmp_path}/in").replace("https://crm.example.com", web.url)
                program, *arguments = shlex.split(here)
                if program == "dispatch":
                    answer = run(*arguments)
                    shown = answer.out + answer.err
                else:
                    shown = subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
                assert fits(expected.replace("/srv/in", f"{tmp_path}/in"), shown), (command, shown)
                ran += 1
    assert ran == 19
