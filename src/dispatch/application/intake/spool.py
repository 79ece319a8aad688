"""The good rows of a file between judging and admission, so that they are read once: in a file without a name.

It holds personal data as the received file beside it does, and is gone with the process. After a crash the received
file is read again.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from dispatch.application.intake.frames import Frame

_LENGTH = struct.Struct(">I")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Frame)


class Spool:
    """Written to once, then read; in flat memory. `file` is closed with it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, frame: Frame) -> None:
        """Keep the next rows. Raises OSError: the disk is full."""
        data = _ENCODER.encode(frame)
        self._file.write(_LENGTH.pack(len(data)) + data)

    def frames(self, after_row: int = 0) -> Iterator[Frame]:
        """Every row behind row `after_row`, in the order of writing."""
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            frame: Frame = _DECODER.decode(self._file.read(*_LENGTH.unpack(head)))
            if frame.rows and frame.rows[-1] > after_row:
                yield frame if frame.rows[0] > after_row else frame.keep([row > after_row for row in frame.rows])

    def close(self) -> None:
        """Give the space back."""
        self._file.close()
