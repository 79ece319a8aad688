"""docs/how_to/add_a_stage.md: the stage that it adds can be added, and answers what it says."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dispatch.application import stages
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.stages import find_stages
from dispatch.application.stages.stage import PureStage, Task
from dispatch.domain.job.commands import Done, GiveUp, Outcome
from dispatch.domain.job.state import Job
from dispatch.domain.person import Person

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "add_a_stage.md"
[FILE], [ROUTE] = (
    re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for kind in ("python", "toml")
)


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the page's own code
    return names


def answer(postcode: str) -> Outcome:
    stage = run(FILE)["stage"]
    assert isinstance(stage, PureStage)
    job = Job(person=Person(postcode=postcode))
    return stage.decide(Task("j1", job, datetime(2026, 11, 23, tzinfo=UTC), ""))


@pytest.mark.parametrize(
    ("postcode", "expected"),
    [
        ("LS1 4AP", Done({"area": "LS"})),
        ("S1 2HE", Done({"area": "S"})),
        ("PL1 1AA", GiveUp("area_not_served")),
        ("", GiveUp("area_not_served")),
    ],
)
def test_the_stage_answers(postcode: str, expected: Outcome):
    assert answer(postcode) == expected


def test_the_file_is_found_and_stands_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "area.py").write_text(FILE, encoding="utf-8")
    monkeypatch.setattr(stages, "__path__", [*stages.__path__, str(tmp_path)])
    found = list(find_stages())
    assert found.index("promote") < found.index("area") < found.index("clear")


def test_the_route_is_the_profiles_with_the_new_stage():
    route = tuple(tomllib.loads(ROUTE)["route"])
    assert [name for name in route if name != "area"] == list(SERVICE_JOB.route)
    assert replace(SERVICE_JOB, route=route).route[2] == "area"
