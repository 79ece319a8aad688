"""How events become bytes and back: msgspec JSON, byte-stable, readable by SQL, under our own closed set of names."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from dispatch.adapters.upcasting import SHAPES, EventUnreadable, Shapes
from dispatch.domain.events import Event

_ENCODER = msgspec.json.Encoder()
_ANY_EVENT: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_NAMES = SHAPES.names
_DECODERS = SHAPES.decoders


def encode(event: Event) -> tuple[str, bytes]:
    """The stored name and the stored bytes of an event.

    Raises:
        TypeError: it is not in the registry: nobody could read it again.
    """
    return stored_name(type(event)), _ENCODER.encode(event)


def stored_name(kind: type[Event]) -> str:
    """The stored name of this kind of event. Raises TypeError as `encode`."""
    name = _NAMES.get(kind)
    if name is None:
        raise TypeError(f"{kind.__name__} is not an event of the registry (domain/events.py)")
    return name


def encode_parts(values: Sequence[object]) -> list[bytes]:
    """Each of these as it stands inside of stored bytes."""
    return _ENCODER.encode_lines(values).split(b"\n")[:-1]  # A line break inside of a text is written as \\n.


def decode(name: str, state: bytes | memoryview) -> Event:
    """The event that was stored under this name.

    Raises:
        EventUnreadable: the name or its version is not in the registry (it is never imported), or the bytes are not of
            its shape.
    """
    decoder = _DECODERS.get(name)
    if decoder is None:
        name, state = SHAPES.lift(name, state)
        decoder = _DECODERS[name]
    try:
        return decoder.decode(state)
    except msgspec.MsgspecError as error:
        raise EventUnreadable(name, str(error)) from error


NAMES_KEPT = 400
"""Characters. The streams of jobs are of few kinds, and those come again and again; long ones do not."""


def decode_together(names: str, states: bytes) -> list[list[Event]] | None:
    """What `decode` makes of the events of some streams, in half the time: their states in lines, one after the other;
    the names of a stream in a line, with spaces between.

    None where one of them must be lifted first, or is not readable: then `decode` lifts it, or says what is wrong.
    """
    try:
        events = _ANY_EVENT.decode_lines(states)
    except msgspec.MsgspecError:
        return None
    streams, expected, start = [], list[type[Event] | None](), 0
    for line in names.split("\n"):
        kinds = kinds_named(line) if len(line) <= NAMES_KEPT else kinds_named.__wrapped__(line)
        expected += kinds
        start, mine = start + len(kinds), events[start : start + len(kinds)]
        streams.append(mine)
    return streams if list(map(type, events)) == expected else None


def kinds_that_stand(shapes: Shapes[Event]) -> dict[str, type[Event]]:
    """By stored name, the events that are read as they stand."""
    return {name: decoder.type for name, decoder in shapes.decoders.items()}


_READ_AS_IT_STANDS = kinds_that_stand(SHAPES)


@lru_cache(1_000)
def kinds_named(names: str) -> list[type[Event] | None]:
    """The events of these names, None for each that does not stand."""
    return [_READ_AS_IT_STANDS.get(name) for name in names.split(" ")]
