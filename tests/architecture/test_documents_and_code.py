"""What documents name is there: paths, commands with their options, settings, error codes, log events."""

import re
import shlex
from functools import cache
from pathlib import Path

import click
import msgspec
import pytest

from dispatch.entrypoints.cli.main import dispatch
from dispatch.entrypoints.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
AHEAD = {"docs/plan.md", "docs/acceptance.md"}  # They speak of what is not there yet, too.
PAGES = [
    page
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    if page.relative_to(ROOT).as_posix() not in AHEAD and page.parent.name != "adr"
]
NAMED_PATH = re.compile(r"`((?:src|tests|docs|tools|benchmarks|samples|deploy|\.ci)/[\w./-]+)`")
COMMAND = re.compile(r"(?:`|^\$ |^)(dispatch (?:[a-z]+)[^`\n#|]*)", re.MULTILINE)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def source() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py")))


def unknown(line: str) -> str:
    """What of this command line the command does not know; empty when it knows all."""
    words = shlex.split(line.replace("...", ""))[1:]
    command: click.Command = dispatch
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return words[0]
        command, words = found, words[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }
    return " ".join(word for word in words if word.startswith("--") and word not in options)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_path_that_a_page_names_exists(page: Path):
    paths = NAMED_PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_a_page_names_exists_with_its_options(page: Path):
    commands = COMMAND.findall(page.read_text(encoding="utf-8"))
    assert {command: unknown(command) for command in commands if unknown(command)} == {}


def test_the_command_check_finds_what_does_not_exist():
    assert unknown("dispatch batch list --limit 3") == ""
    assert unknown("dispatch batch forget") == "forget"
    assert unknown("dispatch batch list --sideways") == "--sideways"
    assert len(COMMAND.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))) > 15


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_setting_that_a_page_names_exists(page: Path):
    known = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}
    used = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", page.read_text(encoding="utf-8")))
    streams = {f"{PREFIX}WORK", f"{PREFIX}EVENTS"}  # Those of JetStream have our prefix.
    assert {variable for variable in used - known if variable.removesuffix("_FILE") not in known} <= streams


def test_every_code_and_log_event_of_the_runbook_is_one_of_ours():
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", runbook))
    events = set(re.findall(r"`((?:relay|publisher|leadership|stage|worker|projector)\.[a-z_]+)`", runbook))
    assert len(codes) > 6
    assert len(events) > 2
    assert [name for name in sorted(codes | events) if f'"{name}"' not in source()] == []


def test_the_map_of_the_readme_is_the_tree():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [tree] = re.findall(r"^```text\n(src/dispatch/\n.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    rooms = re.findall(r"^  (\w+)/", tree, re.MULTILINE)
    assert rooms == ["domain", "application", "adapters", "entrypoints"]
    for line in tree.splitlines()[1:]:
        first, _, told = line.strip().partition("   ")
        inside = line.startswith("  ")
        folders = [ROOT / "src" / "dispatch" / name if inside else ROOT / name for name in first.split()]
        rooms_inside = re.findall(r"(?<![\w/])(\w+)/", told) if inside else []
        assert [name for name in rooms_inside if not any(folders[0].rglob(name))] == []
        assert [named(folder) for folder in folders if not folder.is_dir()] == []


def test_every_page_is_reached_from_the_readme():
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        if page.suffix == ".md":
            links = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
            waiting += [(page.parent / link).resolve() for link in links if "://" not in link]
    assert [named(page) for page in sorted((ROOT / "docs").rglob("*.md")) if page not in reached] == []
