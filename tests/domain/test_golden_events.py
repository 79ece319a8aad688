"""Stored events keep their shape for ever: their bytes are compared with golden files.

`golden/<Event>.<n>.json` holds the bytes of version n. A change makes a new version, with a step to it and a file of
its own (docs/how_to/change_an_event.md; the failing test prints its content), and leaves the older files, which must
stay readable. Nothing is ever renamed.
"""

from pathlib import Path

import msgspec
import pytest

from dispatch.adapters.codec import decode, encode
from dispatch.adapters.upcasting import SHAPES, stored_name
from dispatch.domain.events import REGISTRY, Event, aggregate_of, event_name, fields_of
from examples import ONE_OF_EACH

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.json"))


def _event_and_version(path: Path) -> tuple[str, int]:
    name, version = path.stem.split(".")
    return name, int(version)


def test_every_event_has_an_example_and_every_version_of_it_a_golden_file():
    assert {event_name(event) for event in ONE_OF_EACH} == set(REGISTRY)
    versions = {(name, n) for name, last in SHAPES.versions.items() for n in range(1, last + 1)}
    assert {_event_and_version(path) for path in FILES} == versions


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=event_name)
def test_an_event_is_stored_byte_for_byte_as_its_newest_golden_file(event: Event):
    name, version = event_name(event), SHAPES.versions[event_name(event)]
    golden, stored = GOLDEN / f"{name}.{version}.json", msgspec.json.encode(event)
    assert encode(event)[0] == stored_name(name, version)
    next_file = f"{name}.{version + 1}.json"
    assert stored == golden.read_bytes().rstrip(b"\n"), f"a new version, {next_file}, would be: {stored.decode()}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_version_that_was_ever_stored_is_read_today(path: Path):
    name, version = _event_and_version(path)
    event = decode(stored_name(name, version), path.read_bytes())
    assert type(event) is REGISTRY[name]
    assert decode(*encode(event)) == event


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=event_name)
def test_a_golden_file_names_every_field_that_is_stored(event: Event):
    golden = GOLDEN / f"{event_name(event)}.{SHAPES.versions[event_name(event)]}.json"
    assert list(msgspec.json.decode(golden.read_bytes())) == ["type", *fields_of(type(event))]
    hidden = [f.name for f in msgspec.structs.fields(event) if not f.required and getattr(event, f.name) == f.default]
    assert hidden == []


def test_an_event_belongs_to_the_aggregate_whose_id_it_carries():
    for event in ONE_OF_EACH:
        assert fields_of(type(event))[:2] == [f"{aggregate_of(event)}_id", "at"]
