"""Stored events keep their shape for ever: their bytes are compared with golden files.

`golden/<Event>.<n>.json` holds the bytes of shape n. To extend an event, give the new field a default, add the next
file (the failing test prints its content) and leave the older ones: they must stay readable. Nothing is ever renamed.
"""

from pathlib import Path

import msgspec
import pytest

from dispatch.domain.events import REGISTRY, Event, aggregate_of, event_name, fields_of
from examples import ONE_OF_EACH

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.json"))


def _shapes(name: str) -> list[Path]:
    return sorted(GOLDEN.glob(f"{name}.*.json"), key=lambda path: int(path.name.split(".")[1]))


def test_every_event_of_the_registry_has_an_example_and_a_golden_file():
    assert {event_name(event) for event in ONE_OF_EACH} == set(REGISTRY)
    assert {path.name.split(".")[0] for path in FILES} == set(REGISTRY)


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=event_name)
def test_an_event_is_stored_byte_for_byte_as_its_newest_golden_file(event: Event):
    golden = _shapes(event_name(event))[-1]
    stored = msgspec.json.encode(event)
    assert stored == golden.read_bytes().rstrip(b"\n"), f"{golden.name} would be: {stored.decode()}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shape_that_was_ever_stored_is_read_today(path: Path):
    kind = REGISTRY[path.name.split(".")[0]]
    event = msgspec.json.decode(path.read_bytes(), type=kind)
    assert type(event) is kind
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=event_name)
def test_the_example_shows_every_stored_field(event: Event):
    assert list(msgspec.json.decode(msgspec.json.encode(event))) == ["type", *fields_of(type(event))]
    hidden = [f.name for f in msgspec.structs.fields(event) if not f.required and getattr(event, f.name) == f.default]
    assert hidden == []


def test_an_event_belongs_to_the_aggregate_whose_id_it_carries():
    for event in ONE_OF_EACH:
        assert fields_of(type(event))[:2] == [f"{aggregate_of(event)}_id", "at"]
