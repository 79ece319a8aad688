"""The AsyncAPI document: every event is in it as it travels, it refers to nothing missing, and it is current."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from http_door import Door

import examples
from dispatch.application.public_events import public_data, public_fields
from dispatch.domain.events import REGISTRY, aggregate_of, event_name
from dispatch.entrypoints.http.asyncapi import STREAM, asyncapi_text

COMMITTED = Path(__file__).parents[3] / "docs" / "asyncapi.json"
EXAMPLES = {event_name(event): event for event in vars(examples).values() if type(event) in set(REGISTRY.values())}
PLAIN = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return dict(json.loads(asyncapi_text()))


def follow(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"]] if "$ref" in part else []
        return here + [found for value in part.values() for found in references(value)]
    return [found for value in part for found in references(value)] if isinstance(part, list) else []


def fits(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> bool:
    """As JSON Schema says, for the words that the document uses."""
    if "$ref" in schema:
        return fits(value, follow(document, schema["$ref"]), document)
    if "anyOf" in schema:
        return any(fits(value, one, document) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if not isinstance(value, PLAIN[schema["type"]]) or (schema["type"] == "integer" and isinstance(value, bool)):
        return False
    if schema["type"] == "array":
        return all(fits(item, schema["items"], document) for item in value)
    if schema["type"] == "object" and "properties" in schema:
        known = schema["properties"]
        return set(schema.get("required", ())) <= set(value) <= set(known) and all(
            fits(value[name], known[name], document) for name in value
        )
    return True


def test_the_committed_document_is_the_one_of_this_code(described: dict[str, Any]):
    advice = "run `python tools/asyncapi_document.py` and look at the difference"
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == described, advice


@pytest.mark.postgres
async def test_the_document_is_served_beside_openapi(door: Door, described: dict[str, Any]):
    answer = await door.client.get("/schema/asyncapi.json")
    assert answer.headers["content-type"].startswith("application/vnd.aai.asyncapi+json")
    assert answer.json() == described


@pytest.mark.acceptance("2.13", part="a file that maps each event to its subject, and is compared with the code")
def test_every_event_of_the_registry_has_a_channel_a_message_and_an_operation(described: dict[str, Any]):
    assert described["asyncapi"] == "3.0.0"
    assert STREAM in described["info"]["description"]
    assert set(described["channels"]) == set(described["components"]["messages"]) == set(REGISTRY)
    assert {operation["action"] for operation in described["operations"].values()} == {"send"}
    assert len(described["operations"]) == len(REGISTRY)
    addresses = [channel["address"] for channel in described["channels"].values()]
    assert len(set(addresses)) == len(addresses)
    assert all(message["summary"] for message in described["components"]["messages"].values())


def test_it_refers_to_nothing_that_is_missing(described: dict[str, Any]):
    found = references(described)
    assert len(found) > 3 * len(REGISTRY)
    for reference in found:
        assert follow(described, reference)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_an_event_is_as_its_schema_says(described: dict[str, Any], name: str):
    event = EXAMPLES[name]
    assert described["channels"][name]["address"].split(".")[2] == aggregate_of(event)
    data = msgspec.json.decode(msgspec.json.encode(public_data(event)))
    schema = described["components"]["schemas"][name]
    assert list(data) == list(schema["properties"]) == list(public_fields(type(event)))
    assert fits(data, schema, described)
    assert not fits({**data, "person": {"name": "Ann"}}, schema, described)
