"""Older versions of events: lifted step by step, from a closed set of names."""

from typing import Any

import msgspec
import pytest

from dispatch.adapters import codec
from dispatch.adapters.upcasting import FIELDS_ADDED, SHAPES, STEPS, EventUnreadable, Shapes
from dispatch.domain.events import REGISTRY
from examples import ONE_OF_EACH


class Priced(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An invented event in its third version; the first had pounds, the second pence."""

    amount_pence: int
    currency: str
    note: str = ""


def in_pence(raw: dict[str, Any]) -> dict[str, Any]:
    return {"type": raw["type"], "amount_pence": round(raw["amount"] * 100)}


def with_currency(raw: dict[str, Any]) -> dict[str, Any]:
    return raw | {"currency": "GBP"}


SHAPES_OF_THREE: Shapes[Priced] = Shapes({"Priced": Priced}, {"Priced": (in_pence, with_currency, FIELDS_ADDED)})
STORED = {
    "Priced": b'{"type":"Priced","amount":95.5}',
    "Priced.2": b'{"type":"Priced","amount_pence":9550}',
    "Priced.3": b'{"type":"Priced","amount_pence":9550,"currency":"GBP"}',
    "Priced.4": b'{"type":"Priced","amount_pence":9550,"currency":"GBP","note":""}',
}


@pytest.mark.parametrize("name", STORED)
def test_every_version_is_read_as_the_one_of_today(name: str):
    state = STORED[name]
    if name not in SHAPES_OF_THREE.decoders:
        name, state = SHAPES_OF_THREE.lift(name, state)
    assert SHAPES_OF_THREE.decoders[name].decode(state) == Priced(amount_pence=9550, currency="GBP")


def test_today_s_version_and_one_with_fewer_fields_are_not_lifted():
    assert set(SHAPES_OF_THREE.decoders) == {"Priced.3", "Priced.4"}
    assert SHAPES_OF_THREE.names == {Priced: "Priced.4"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Priced.5", "version 4 is the newest that is known here; it was written by a newer version of dispatch"),
        ("Priced.1", "no such event is known here"),
        ("Priced.0", "no such event is known here"),
        ("Priced.two", "no such event is known here"),
        ("Priced.²", "no such event is known here"),
        ("os.path", "no such event is known here"),
        ("", "no such event is known here"),
    ],
)
def test_a_name_or_version_that_is_not_known_is_refused(name: str, why: str):
    with pytest.raises(EventUnreadable, match=f"stored event '{name}' cannot be read: {why}"):
        SHAPES_OF_THREE.lift(name, b"{}")


@pytest.mark.parametrize("state", [b"", b"[]", b"{}", b'{"type":"Priced","amount":"Ann"}', b'{"type":"Priced","a'])
def test_bytes_that_a_step_cannot_take_are_refused_without_being_repeated(state: bytes):
    with pytest.raises(EventUnreadable, match=r"'Priced' cannot be read: it cannot be lifted to version 4 \(\w+\)$"):
        SHAPES_OF_THREE.lift("Priced", state)


def test_steps_for_an_event_that_does_not_exist_are_a_mistake():
    with pytest.raises(ValueError, match=r"no event of the registry: \['Pricd'\]"):
        Shapes({"Priced": Priced}, {"Pricd": (in_pence,)})


def test_the_codec_lifts_what_is_not_of_today(monkeypatch):
    monkeypatch.setattr(codec, "SHAPES", SHAPES_OF_THREE)
    monkeypatch.setattr(codec, "_DECODERS", SHAPES_OF_THREE.decoders)
    assert {codec.decode(name, state) for name, state in STORED.items()} == {Priced(amount_pence=9550, currency="GBP")}
    with pytest.raises(EventUnreadable):
        codec.decode("Priced.5", b"{}")


def test_the_ledger_reads_what_it_writes_without_a_step():
    assert set(SHAPES.names) == set(REGISTRY.values())
    assert set(STEPS) <= set(REGISTRY)
    for event in ONE_OF_EACH:
        name, state = codec.encode(event)
        assert name in SHAPES.decoders
        assert codec.decode(name, state) == event
