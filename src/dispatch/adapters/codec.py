"""How events become bytes and back: msgspec JSON, byte-stable, readable by SQL, under our own closed set of names."""

import msgspec

from dispatch.domain.events import REGISTRY, Event

_ENCODER = msgspec.json.Encoder()
_NAMES: dict[type[Event], str] = {kind: name for name, kind in REGISTRY.items()}
_DECODERS: dict[str, msgspec.json.Decoder[Event]] = {
    name: msgspec.json.Decoder(kind) for name, kind in REGISTRY.items()
}


class EventUnreadable(Exception):
    """A stored event has a name or a shape that this version does not know."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"stored event {name!r} cannot be read: {why}")


def encode(event: Event) -> tuple[str, bytes]:
    """The stored name and the stored bytes of an event.

    Raises:
        TypeError: it is not in the registry: nobody could read it again.
    """
    name = _NAMES.get(type(event))
    if name is None:
        raise TypeError(f"{type(event).__name__} is not an event of the registry (domain/events.py)")
    return name, _ENCODER.encode(event)


def decode(name: str, state: bytes | memoryview) -> Event:
    """The event that was stored under this name.

    Raises:
        EventUnreadable: the name is not in the registry (it is never imported), or the bytes are not of its shape.
    """
    decoder = _DECODERS.get(name)
    if decoder is None:
        raise EventUnreadable(name, "no such event is known here; was it written by a newer version?")
    try:
        return decoder.decode(state)
    except msgspec.MsgspecError as error:
        raise EventUnreadable(name, str(error)) from error
