"""What holds for every source file: short, introduced by a docstring, and the core pure of time and chance."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "dispatch"
FILES = sorted(SRC.rglob("*.py"))
LINES_MAX = 350
ONE_FILE_ON_PURPOSE = {"verifier/dispatch_verify.py": 420}  # An auditor gets one file to read and to run.
CORE = [path for path in FILES if path.relative_to(SRC).parts[0] in {"domain", "application"}]
CLOCK = SRC / "application" / "ports" / "clock.py"
NOW = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "date.today",
    "datetime.date.today",
    "os.urandom",
    "uuid.uuid1",
    "uuid.uuid4",
}
FROM = {("time", "time"), ("time", "time_ns"), ("uuid", "uuid1"), ("uuid", "uuid4"), ("os", "urandom")}
CHANCE = {"random", "secrets"}


def named(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_short_enough_to_be_read_at_once(path: Path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    most = ONE_FILE_ON_PURPOSE.get(named(path), LINES_MAX)
    assert lines <= most, f"{named(path)} has {lines} lines; split it, one thing per file"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_module_opens_by_saying_what_it_is(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{named(path)} opens without a docstring"


def impurities(source: str) -> Iterator[str]:
    """Where a source takes the time or chance from the machine instead of from its caller."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (f"line {node.lineno}: import {a.name}" for a in names if a.name.split(".")[0] in CHANCE)
            case ast.ImportFrom(module=str(module), names=names):
                for alias in names:
                    if module.split(".")[0] in CHANCE or (module, alias.name) in FROM:
                        yield f"line {node.lineno}: from {module} import {alias.name}"
            case ast.Attribute():
                if ast.unparse(node) in NOW:
                    yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", [path for path in CORE if path != CLOCK], ids=named)
def test_time_identifiers_and_chance_arrive_in_the_core_from_outside(path: Path):
    assert list(impurities(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from time import time",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import date\nfresh = date.today",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid4",
        "import random",
        "from random import random",
        "import secrets",
    ],
)
def test_what_takes_time_or_chance_from_the_machine_is_noticed(source: str):
    assert len(list(impurities(source))) == 1


def test_measuring_a_duration_and_making_a_date_are_allowed():
    assert (
        list(impurities("import time\nfrom datetime import datetime\ntime.perf_counter()\ndatetime(2026, 1, 1)")) == []
    )
