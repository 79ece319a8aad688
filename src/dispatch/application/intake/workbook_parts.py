"""The parts of an .xlsx workbook (ECMA-376): a ZIP archive of XML documents, unpacked in pieces and never beyond a cap.

Libraries that load a sheet as a block abort the process when its two cells stand in opposite corners; this reads row by
row. A document with a DTD is refused, so that no entity can expand.
"""

import posixpath
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from dispatch.application.intake.refused import FileRefused

UNPACKED_BYTES_MAX = 256 << 20
SMALL_PART_BYTES_MAX = 1 << 26
"""Of the parts that are held in memory: shared strings, styles, and what lists the sheets."""
PARTS_MAX = 10_000
PIECE_BYTES = 1 << 16
TEXT_CHARACTERS_MAX = 1 << 20

Start = Callable[[str, dict[str, str]], None]
"""Told of an element and its attributes."""
Hears = Callable[[str], None]
"""Told of the end of an element, or of text."""


class Parts:
    """An open workbook: its documents by name. The case of names does not matter (ECMA-376 part 2, 6.3.5)."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        infos = archive.infolist()
        if len(infos) > PARTS_MAX or sum(info.file_size for info in infos) > UNPACKED_BYTES_MAX:
            what = f"the workbook is larger than {UNPACKED_BYTES_MAX:,} bytes when it is unpacked"
            raise FileRefused("workbook_too_large", what, "the workbook", "split it, or save the sheet as CSV UTF-8")
        self._names = {info.filename.lower(): info for info in infos}
        if any(info.flag_bits & 1 for info in infos):
            raise workbook_malformed("the archive has a password")

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def size(self, name: str) -> int:
        """Bytes of a document, unpacked."""
        return self._names[name.lower()].file_size

    def pieces(self, name: str, bytes_max: int = UNPACKED_BYTES_MAX) -> Iterator[bytes]:
        """A document in pieces. What claims to be small and is not breaks off at the size that it claims."""
        if name not in self:
            raise workbook_malformed(f"{name} is missing")
        if self.size(name) > bytes_max:
            what = f"{name} of the workbook is larger than {bytes_max:,} bytes"
            raise FileRefused("workbook_too_large", what, "the workbook", "split it, or save the sheet as CSV UTF-8")
        with self._archive.open(self._names[name.lower()]) as part:
            while piece := part.read(PIECE_BYTES):
                yield piece

    def related(self, name: str) -> list[tuple[str, str, str]]:
        """What a document refers to: (id, last word of the type, name of the document)."""
        folder = posixpath.dirname(name)
        found: list[tuple[str, str, str]] = []

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            if local(tag) == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                kind = attributes.get("Type", "").rpartition("/")[2]
                found.append((attributes.get("Id", ""), kind, path))

        self.parse(posixpath.join(folder, "_rels", f"{posixpath.basename(name)}.rels"), start)
        return found

    def parse(self, name: str, start: Start, end: Hears | None = None, text: Hears | None = None) -> None:
        """Put a small document through handlers."""
        parser = new_parser(start, end, text)
        for piece in self.pieces(name, SMALL_PART_BYTES_MAX):
            parser.Parse(piece, False)
        parser.Parse(b"", True)


@contextmanager
def open_workbook(path: Path) -> Iterator[Parts]:
    """The parts of a workbook.

    Raises:
        FileRefused: `workbook_unreadable` or `workbook_too_large`.
    """
    try:
        with ZipFile(path) as archive:
            parts = Parts(archive)
            if "[Content_Types].xml" not in parts or "_rels/.rels" not in parts:
                raise workbook_malformed("it is an archive of another kind")
            yield parts
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # The disk, not the file.
        raise workbook_malformed("it cannot be unpacked") from error
    except expat.ExpatError as error:
        raise workbook_malformed(f"its XML is broken ({expat.ErrorString(error.code)})") from error


def new_parser(start: Start, end: Hears | None = None, text: Hears | None = None) -> expat.XMLParserType:
    """A parser with these handlers, which refuses a DTD."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse_dtd
    return parser


def local(tag: str) -> str:
    """The name of an element without its prefix."""
    return tag[tag.find(":") + 1 :]


def workbook_malformed(why: str) -> FileRefused:
    """The refusal of a workbook that is broken."""
    fix = "open it in the program that made it and save it again, or save the sheet as CSV UTF-8"
    return FileRefused("workbook_unreadable", f"the workbook cannot be read: {why}", "the workbook", fix)


def _refuse_dtd(*_: object) -> NoReturn:
    raise workbook_malformed("it holds a document type definition")
