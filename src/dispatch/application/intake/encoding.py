"""Bytes that are not UTF-8: which, where, and what they probably are."""

from dispatch.application.intake.refused import FileRefused

UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UNUSED_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"
_FIX = 'save it as "CSV UTF-8" (in Excel: Save As, CSV UTF-8) and send it again'


def not_utf8(byte: int, offset: int, line: int) -> FileRefused:
    """The refusal for one byte that UTF-8 does not allow there."""
    guess = "latin-1" if bytes([byte]) in _UNUSED_IN_CP1252 else "cp1252"
    what = f"the file is not UTF-8 text: byte 0x{byte:02X} cannot stand here, it is probably {guess}"
    return FileRefused("encoding_not_utf8", what, f"line {line}, byte offset {offset}", _FIX)


def looks_like_utf16(head: bytes) -> bool:
    """A UTF-16 mark, or ASCII text with a NUL beside every letter."""
    half = len(head) // 2
    return head[:2] in UTF_16_MARKS or (half > 1 and half in (head[::2].count(0), head[1::2].count(0)))


def utf16() -> FileRefused:
    """The refusal for a file in two-byte characters."""
    what = "the file is not UTF-8 text, it is utf-16"
    return FileRefused("encoding_not_utf8", what, "line 1, byte offset 0", _FIX)


def nul_byte(offset: int, line: int) -> FileRefused:
    """The refusal for a NUL, which no text holds."""
    return FileRefused(
        "nul_byte",
        "the file holds a NUL byte, so it is not text",
        f"line {line}, byte offset {offset}",
        "export it again as CSV UTF-8; a workbook (.xlsx) or an archive must be saved as CSV first",
    )
