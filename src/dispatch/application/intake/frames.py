"""Good rows on their way from judging to admission, a thousand at a time, encoded: nobody looks at them in between."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

import msgspec

from dispatch.application.intake.row import GoodRow

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[GoodRow])
_ONE_BY_ONE = msgspec.msgpack.Decoder(list[msgspec.Raw])


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Good rows in their order: their numbers and natural keys, and the rows themselves in MessagePack.

    Where rows are only counted, nothing is encoded.
    """

    rows: Sequence[int]
    keys: Sequence[str]
    encoded: bytes

    def keep(self, flags: Sequence[bool]) -> "Frame":
        """With these of the rows."""
        if all(flags):
            return self
        rows, keys = list(compress(self.rows, flags)), list(compress(self.keys, flags))
        encoded = self.encoded and _ENCODER.encode(list(compress(_ONE_BY_ONE.decode(self.encoded), flags)))
        return Frame(rows, keys, encoded)

    def good_rows(self) -> list[GoodRow]:
        """The rows themselves."""
        return _DECODER.decode(self.encoded)


def encoded(rows: Sequence[GoodRow]) -> bytes:
    """These rows as a frame holds them."""
    return _ENCODER.encode(rows)


def chunks_of(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """The same rows in chunks of `size` rows, of which the last may be smaller; frames are cut where it must be."""
    chunk: list[Frame] = []
    room = size
    for frame in frames:
        left = frame
        while len(left.rows) >= room:
            count = len(left.rows)
            yield [*chunk, left.keep([place < room for place in range(count)])]
            left = left.keep([place >= room for place in range(count)])
            chunk, room = [], size
        if left.rows:
            chunk.append(left)
            room -= len(left.rows)
    if chunk:
        yield chunk
