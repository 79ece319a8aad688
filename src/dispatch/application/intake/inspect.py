"""Looking at a file while it arrives: its hash, its layout, and whether it can be text of this profile at all."""

import codecs
import hashlib
from pathlib import Path

import msgspec

from dispatch.application.intake.encoding import looks_like_utf16, not_utf8, nul_byte, utf16
from dispatch.application.intake.formats import Format, format_of, layout_of, records_of
from dispatch.application.intake.json_rows import json_layout
from dispatch.application.intake.layout import Layout, find_layout
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.records import check_quotes
from dispatch.application.intake.refused import FileRefused, file_empty, no_rows
from dispatch.application.intake.source import open_source

FILE_BYTES_MAX = 1 << 30
LINE_BYTES_MAX = 1 << 20
PIECE_BYTES = 1 << 16
"""Fits the cache; a larger one costs fresh pages from the system each time."""
_BLANK = b'\r\n\t ,;|"'


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file that can be judged."""

    sha256: str  # hex
    bytes: int
    lines: int
    layout: Layout


class FileInspector:
    """Takes a file in chunks of any size, in flat memory, at the speed of hashing.

    The file is looked at in pieces of a fixed size, so that the answer does not depend on how it was cut.
    """

    def __init__(
        self, profile: Profile, *, file_bytes_max: int = FILE_BYTES_MAX, line_bytes_max: int = LINE_BYTES_MAX
    ) -> None:
        self._profile = profile
        self._file_bytes_max, self._line_bytes_max = file_bytes_max, line_bytes_max
        self._piece_bytes = min(PIECE_BYTES, line_bytes_max)
        self._piece = bytearray()  # Received, not yet looked at.
        self._hash = hashlib.sha256()
        self._bytes = 0  # Looked at.
        self._newline = b""
        self._newlines = 0
        self._line_bytes = 0  # Of the line that is not ended yet.
        self._cut = b""  # Of a character that is not ended yet.
        self._quotes = 0
        self._head = bytearray()
        self._layout: Layout | None = None
        self._has_rows = False
        self._format: Format | None = None  # Until the first piece was looked at.

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file.

        Raises:
            FileRefused: `file_empty`, `file_too_large`, `encoding_not_utf8`, `nul_byte`, `line_too_long` or, from the
                header, one of `find_layout`. Feed no more then.
        """
        at = 0
        while at < len(chunk):
            if not self._piece and len(chunk) - at >= self._piece_bytes:
                self._look(chunk[at : at + self._piece_bytes])
                at += self._piece_bytes
                continue
            room = self._piece_bytes - len(self._piece)
            self._piece += chunk[at : at + room]
            at += room
            if len(self._piece) == self._piece_bytes:
                self._look(bytes(self._piece))
                self._piece.clear()

    def finish(self, received: Path | None = None) -> FileFacts:
        """Say that the file ended.

        Args:
            received: the same bytes as a file, read again only when quotes do not pair up, to name the one that is not
                closed. Without it such a file is left to `judge`, which refuses it in the same words.

        Raises:
            FileRefused: as `feed`; and `no_rows`, `quote_unclosed` and the others of `Records`.
        """
        if self._piece:
            self._look(bytes(self._piece))
            self._piece.clear()
        if self._bytes and self._format is not Format.CSV:
            return self._finish_whole(received)
        if self._cut:
            raise not_utf8(self._cut[0], self._bytes - len(self._cut), self._newlines + 1)
        if self._layout is None:
            self._find_layout(is_whole=True)
        if self._layout is None:
            raise file_empty()
        if not self._has_rows:
            raise no_rows()
        if self._quotes % 2 and received is not None:
            check_quotes(received, self._layout)  # A lone " inside an unquoted value (5" pipe) is no fault.
        return FileFacts(
            sha256=self._hash.hexdigest(),
            bytes=self._bytes,
            lines=self._newlines + bool(self._line_bytes),
            layout=self._layout,
        )

    def _finish_whole(self, received: Path | None) -> FileFacts:
        """The end of a file whose rows are only found when it is here as a whole."""
        if self._cut:
            raise not_utf8(self._cut[0], self._bytes - len(self._cut), self._newlines + 1)
        if received is not None:
            layout = layout_of(received, self._profile)
            if next(iter(records_of(received, layout)), None) is None:
                raise no_rows()
        elif self._format is Format.JSON:
            layout = json_layout(self._profile)  # Whether it holds rows is left to `judge`.
        else:
            raise ValueError("a workbook is inspected where it was received")
        lines = self._newlines + bool(self._line_bytes)
        return FileFacts(sha256=self._hash.hexdigest(), bytes=self._bytes, lines=lines, layout=layout)

    def _look(self, piece: bytes) -> None:
        self._check_size(piece)
        self._hash.update(piece)
        if self._format is None:
            self._format = format_of(piece)
        if self._format is Format.WORKBOOK:
            self._bytes += len(piece)
            return
        self._check_text(piece)
        if self._format is Format.JSON:
            self._newlines += piece.count(b"\n")
            self._bytes += len(piece)
            return
        self._check_lines(piece)
        if b'"' in piece:  # Searching is thirty times as fast as counting.
            self._quotes += piece.count(b'"')
        self._bytes += len(piece)
        if self._layout is None:
            self._head += piece
            self._find_layout(is_whole=False)
        elif not self._has_rows:
            self._has_rows = bool(piece.strip(_BLANK))

    def _check_size(self, piece: bytes) -> None:
        if self._bytes + len(piece) > self._file_bytes_max:
            what = f"the file is larger than {self._file_bytes_max:,} bytes"
            raise FileRefused("file_too_large", what, f"behind line {self._newlines}", "split it into smaller files")

    def _check_text(self, piece: bytes) -> None:
        if self._bytes == 0 and looks_like_utf16(piece[:200]):
            raise utf16()
        if (nul := piece.find(0)) >= 0:
            raise nul_byte(self._bytes + nul, self._line_of(piece, nul))
        if not self._cut and piece.isascii():
            return
        text = self._cut + piece
        try:
            used = codecs.utf_8_decode(text, "strict", False)[1]
        except UnicodeDecodeError as error:
            at = error.start - len(self._cut)
            raise not_utf8(text[error.start], self._bytes + at, self._line_of(piece, max(at, 0))) from None
        self._cut = text[used:]

    def _check_lines(self, piece: bytes) -> None:
        if not self._newline:
            self._newline = b"\r" if b"\r" in piece and b"\n" not in piece else b"\n"
        first = piece.find(self._newline)
        if self._line_bytes + (first if first >= 0 else len(piece)) > self._line_bytes_max:
            what = f"a line is longer than {self._line_bytes_max:,} bytes"
            fix = "check that this is a CSV file with one row a line"
            raise FileRefused("line_too_long", what, f"line {self._newlines + 1}", fix)
        if first < 0:
            self._line_bytes += len(piece)
            return
        self._newlines += piece.count(self._newline)
        self._line_bytes = len(piece) - piece.rfind(self._newline) - 1

    def _line_of(self, piece: bytes, at: int) -> int:
        return self._newlines + piece.count(self._newline or b"\n", 0, at) + 1

    def _find_layout(self, *, is_whole: bool) -> None:
        found = find_layout(bytes(self._head), self._profile, is_whole=is_whole)
        if found is None:
            return
        self._layout, end = found
        self._has_rows = bool(self._head[end:].strip(_BLANK))
        self._head.clear()


def inspect_file(path: Path, profile: Profile) -> FileFacts:
    """Inspect a file that is here already. Raises FileRefused as `open_source` and `FileInspector`."""
    inspector = FileInspector(profile)
    with open_source(path) as file:
        while chunk := file.read(1 << 20):
            inspector.feed(chunk)
    return inspector.finish(path)
