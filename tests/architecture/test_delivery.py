"""The workflows by rules: what is published was tested before, and nobody's proposal publishes anything."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def workflow(name: str) -> dict[str, Any]:
    read: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in read.items()}  # YAML 1.1 reads `on` as true.


CI, RELEASE = workflow("ci.yml"), workflow("release.yml")
IMAGE: dict[str, Any] = RELEASE["jobs"]["image"]


def step(uses: str) -> tuple[int, dict[str, Any]]:
    [found] = [(at, one) for at, one in enumerate(IMAGE["steps"]) if one.get("uses", "").startswith(f"{uses}@")]
    return found


@pytest.mark.acceptance(
    "4.14", part="only main and tags v*, after the tests; described and checked by rules, never run"
)
def test_only_main_and_tags_are_published_and_only_what_was_tested():
    assert RELEASE["on"] == {"push": {"branches": ["main"], "tags": ["v*"]}}
    assert IMAGE["needs"] == "test"
    assert RELEASE["jobs"]["test"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in CI["on"]
    assert [one["run"] for one in CI["jobs"]["test"]["steps"] if "run" in one] == [".ci/run"]


@pytest.mark.acceptance("4.14", part="login, build and push of the image that the Dockerfile describes")
def test_it_logs_in_before_it_builds_and_pushes():
    (login_at, login), (push_at, push) = step("docker/login-action"), step("docker/build-push-action")
    assert login_at < push_at
    assert push["with"]["push"] is True
    assert (ROOT / push["with"]["context"] / "Dockerfile").is_file()
    _, names = step("docker/metadata-action")
    assert names["with"]["images"].startswith(login["with"]["registry"] + "/")
    assert push["with"]["tags"] == f"${{{{ steps.{names['id']}.outputs.tags }}}}"


def test_a_proposal_gets_no_right_to_write_and_no_secret():
    assert CI["permissions"] == RELEASE["permissions"] == {"contents": "read"}
    assert "permissions" not in CI["jobs"]["test"]
    assert "secrets" not in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert "pull_request_target" not in CI["on"]
    assert IMAGE["permissions"] == {"contents": "read", "packages": "write"}


@pytest.mark.parametrize("read", [CI, RELEASE], ids=["ci", "release"])
def test_each_action_has_a_version_and_each_job_an_end(read: dict[str, Any]):
    for job in read["jobs"].values():
        if "uses" in job:
            continue
        assert job["timeout-minutes"] <= 60
        for one in job["steps"]:
            assert "uses" not in one or re.search(r"@v\d+$", one["uses"])
