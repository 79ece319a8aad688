"""The good rows of a file between judging and admission, so that they are read once: in a file without a name.

It holds personal data as the received file beside it does, and is gone with the process. After a crash the received
file is read again.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from dispatch.application.intake.row import GoodRow

ROWS_PER_FRAME = 500

_LENGTH = struct.Struct(">I")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[GoodRow])


class Spool:
    """Written to once, then read; in flat memory. `file` is closed with it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame: list[GoodRow] = []

    def write(self, row: GoodRow) -> None:
        """Keep the next row. Raises OSError: the disk is full."""
        self._frame.append(row)
        if len(self._frame) == ROWS_PER_FRAME:
            self._flush()

    def rows(self, after_row: int = 0) -> Iterator[GoodRow]:
        """Every row behind row `after_row`, in the order of writing."""
        self._flush()
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            frame = _DECODER.decode(self._file.read(*_LENGTH.unpack(head)))
            yield from (row for row in frame if row.row > after_row)

    def close(self) -> None:
        """Give the space back."""
        self._file.close()

    def _flush(self) -> None:
        if self._frame:
            data = _ENCODER.encode(self._frame)
            self._file.write(_LENGTH.pack(len(data)) + data)
            self._frame = []
