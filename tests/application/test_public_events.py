"""What of an event travels to subscribers: never a person, never what people wrote, and nothing new by accident."""

from datetime import datetime
from enum import StrEnum

import msgspec
import pytest

import examples
from dispatch.application.public_events import (
    TEXT_FIELDS,
    public_data,
    public_fields,
    public_kinds,
    public_name,
    public_type,
)
from dispatch.domain.events import REGISTRY, aggregate_of, aggregate_of_kind
from dispatch.domain.job.events import JobEvent
from dispatch.domain.person import Person

EVENTS = [event for event in vars(examples).values() if type(event) in set(REGISTRY.values())]
PERSONAL = [
    examples.ANN.name,
    examples.ANN.email,
    examples.ANN.phone,
    examples.ANN.address,
    examples.ANN.postcode,
    examples.opened.details["note"],
    examples.cancelled.reason,
    examples.erased.reason,
    examples.approved.reason,
]


def test_there_is_an_example_of_every_event():
    assert {type(event) for event in EVENTS} == set(public_kinds().values()) == set(REGISTRY.values())


@pytest.mark.parametrize("event", EVENTS, ids=[f"{type(event).__name__}-{n}" for n, event in enumerate(EVENTS)])
def test_nothing_that_a_person_is_or_wrote_travels(event):
    text = msgspec.json.encode(public_data(event)).decode()
    assert [word for word in PERSONAL if word in text] == []
    assert {"person", "permission", "details", "by", "errors", "file_name", "idempotency_key"}.isdisjoint(
        public_data(event)
    )


def test_what_of_a_stage_is_not_known_stays_at_home():
    assert public_data(examples.completed)["output"] == {"verdict": "valid"}
    assert set(examples.completed.output) > {"verdict", "note"}


class Mood(StrEnum):
    GOOD = "good"


class NewEvent(JobEvent, frozen=True, kw_only=True):
    count: int
    mood: Mood
    next_at: datetime | None
    rows: tuple[int, ...]
    told: str
    words: dict[str, int]
    people: tuple[Person, ...]
    maybe: str | None


def test_a_new_event_travels_without_what_could_hold_text():
    assert public_fields(NewEvent) == ("job_id", "at", "count", "mood", "next_at", "rows")


def test_every_named_field_is_one_of_some_event():
    fields = {name for kind in REGISTRY.values() for name in kind.__struct_fields__}
    full = {f"{kind.__name__}.{name}" for kind in REGISTRY.values() for name in kind.__struct_fields__}
    assert sorted(TEXT_FIELDS - fields - full) == []


def test_names_and_aggregates():
    assert public_name(type(examples.completed)) == "stage-completed"
    assert public_type(type(examples.received)) == "dispatch.v1.batch.batch-received"
    assert all(aggregate_of_kind(type(event)) == aggregate_of(event) for event in EVENTS)
