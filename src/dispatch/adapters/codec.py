"""How events become bytes and back: msgspec JSON, byte-stable, readable by SQL, under our own closed set of names."""

from collections.abc import Sequence

import msgspec

from dispatch.adapters.upcasting import SHAPES, EventUnreadable
from dispatch.domain.events import Event

_ENCODER = msgspec.json.Encoder()
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
