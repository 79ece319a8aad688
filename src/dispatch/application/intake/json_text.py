"""JSON read in pieces: one value after the other from a text of any length, in flat memory.

Numbers stay the text that was written: 85.00 is not 85, and a reference of thirty digits loses none.
"""

import json
import re
from typing import Any, NoReturn, TextIO

VALUE_CHARACTERS_MAX = 1 << 20
_PIECE = 1 << 16
_BLANKS = re.compile(r"[ \t\n\r]*")


class JsonBroken(ValueError):
    """The text is not JSON here, or it ends too early."""

    def __init__(self, line: int, *, is_end: bool = False) -> None:
        super().__init__(line)
        self.line, self.is_end = line, is_end


class ValueTooLong(ValueError):
    """One value takes more than `VALUE_CHARACTERS_MAX`."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class JsonObject(list[tuple[str, Any]]):
    """The members of an object in their order: a key may be there twice."""


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=JsonObject, parse_float=str, parse_int=str, parse_constant=_no_number)


def read_value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The one value of a text. Raises ValueError when it is not JSON, or nested too deeply."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


class JsonText:
    """Walks over a text. `line` is the line of the next character that is not blank, once that was looked at."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self.line = 1

    def next(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            self._skip_to(_BLANKS.match(self._text, self._at).end())  # type: ignore[union-attr]  # It always matches.
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, expected: str) -> str:
        """Step over the next character. Raises JsonBroken when it is none of the expected ones."""
        found = self.next()
        if not found or found not in expected:
            raise JsonBroken(self.line, is_end=not found)
        self._at += 1
        return found

    def value(self) -> Any:  # noqa: ANN401 - any JSON value
        """The next value. Raises JsonBroken or ValueTooLong."""
        if not self.next():
            raise JsonBroken(self.line, is_end=True)
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise JsonBroken(self.line) from None
            except ValueError:
                if len(self._text) - self._at > VALUE_CHARACTERS_MAX:
                    raise ValueTooLong(self.line) from None
                if not self._more():
                    raise JsonBroken(self.line) from None
            else:
                if end == len(self._text) and self._more():
                    continue  # A number may go on.
                self._skip_to(end)
                return found

    def _skip_to(self, at: int) -> None:
        self.line += self._text.count("\n", self._at, at)
        self._at = at

    def _more(self) -> bool:
        piece = self._file.read(_PIECE)
        self._text, self._at = self._text[self._at :] + piece, 0
        return bool(piece)
