"""docs/state_machines.md draws exactly what the rules allow, and lists exactly what is stored."""

import re
from enum import StrEnum
from pathlib import Path
from typing import get_args

import pytest
from exploring import Arrow, batch_arrows, job_arrows

from dispatch.domain.batch import events as batch
from dispatch.domain.batch.repairing import ERRORS_PER_EVENT
from dispatch.domain.batch.state import ENDED as BATCH_ENDED
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.control import events as control
from dispatch.domain.endpoint import events as endpoint
from dispatch.domain.events import fields_of
from dispatch.domain.fleet import events as fleet
from dispatch.domain.job import events as job
from dispatch.domain.job.state import ENDED as JOB_ENDED
from dispatch.domain.job.state import JobStatus
from dispatch.domain.operations import events as operations
from dispatch.domain.replay import events as replay
from dispatch.domain.source import events as source
from dispatch.domain.webhook import events as webhook
from dispatch.domain.zone import events as zone

PAGE = (Path(__file__).parents[2] / "docs" / "state_machines.md").read_text(encoding="utf-8")
ARROW = re.compile(r"(\S+) --> (\w+): (.+)")
END = re.compile(r"(\w+) --> \[\*\]")
SEEN_IN_VIEWS_ONLY = {"waiting_on_people"}


def section(title: str) -> str:
    """The part of the page under this heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def diagram(title: str) -> list[str]:
    """The lines of the drawing."""
    return [
        line.strip() for line in section(title).split("```mermaid\nstateDiagram-v2\n")[1].split("```")[0].splitlines()
    ]


def drawn_arrows(title: str) -> set[Arrow]:
    """Every arrow of the drawing, one for each event that it names."""
    matches = [match for line in diagram(title) if (match := ARROW.fullmatch(line))]
    return {(m[1], event, m[2]) for m in matches for event in m[3].split(", ")}


def drawn_ends(title: str) -> set[str]:
    """The states from which nothing leads on."""
    return {match[1] for line in diagram(title) if (match := END.fullmatch(line))}


def drawn_states(title: str) -> set[str]:
    """Every state of the drawing."""
    return {word for line in diagram(title) for word in re.findall(r"\w+", line.split(":")[0])}


@pytest.mark.parametrize(("title", "legal"), [("Batch", batch_arrows()), ("Job", job_arrows())], ids=["batch", "job"])
def test_the_arrows_drawn_are_the_transitions_allowed(title: str, legal: set[Arrow]):
    drawn = drawn_arrows(title)
    assert drawn - legal == set(), "drawn, but the rules do not allow it"
    assert legal - drawn == set(), "allowed by the rules, but not drawn"


@pytest.mark.acceptance("X8", part="documents")
@pytest.mark.parametrize(
    ("title", "statuses", "ended"), [("Batch", BatchStatus, BATCH_ENDED), ("Job", JobStatus, JOB_ENDED)]
)
def test_the_states_drawn_are_those_of_the_enum(title: str, statuses: type[StrEnum], ended: frozenset[StrEnum]):
    assert drawn_states(title) == {status.value for status in statuses}
    assert drawn_ends(title) == {status.value for status in ended}


@pytest.mark.parametrize(
    ("statuses", "legal"), [(BatchStatus, batch_arrows()), (JobStatus, job_arrows())], ids=["batch", "job"]
)
def test_every_state_can_be_reached_but_those_that_only_views_show(statuses: type[StrEnum], legal: set[Arrow]):
    reached = {to for _, _, to in legal}
    assert {status.value for status in statuses} - reached <= SEEN_IN_VIEWS_ONLY


@pytest.mark.parametrize(
    ("title", "events"),
    [
        ("Batch", get_args(batch.Event)),
        ("Job", get_args(job.Event)),
        ("Source", get_args(source.Event)),
        ("Webhook", (webhook.Event,)),
        ("Operation", (operations.Event,)),
        ("Replay", get_args(replay.Event)),
        ("Pause", get_args(control.Event)),
        ("Fleet", (fleet.Event,)),
        ("Zone", (zone.Event,)),
        ("Endpoint", get_args(endpoint.Event)),
    ],
)
def test_the_table_lists_every_event_with_its_stored_fields(title: str, events: tuple[type, ...]):
    rows = [line.strip("| ").split(" | ") for line in section(title).splitlines() if line.startswith("| `")]
    listed = {row[0].strip("`"): row[1] for row in rows}
    assert listed == {kind.__name__: ", ".join(f"`{name}`" for name in fields_of(kind)) for kind in events}
    assert all(len(row) == 3 and row[2] for row in rows)


def test_the_page_names_the_bound_of_an_event():
    assert f"at most {ERRORS_PER_EVENT} in an event" in section("Batch")
