"""Opening what the user named: a file, or `-` for the standard input."""

import difflib
import sys
from pathlib import Path
from typing import BinaryIO

from dispatch.application.intake.refused import FileRefused

STDIN = "-"


def open_source(path: str | Path) -> BinaryIO:
    """The bytes of a file; `-` is the standard input, which stays open when the answer is closed.

    Raises:
        FileRefused: `file_missing`, `file_is_directory` or `file_unreadable`.
    """
    if str(path) == STDIN:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    path = Path(path)
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise FileRefused("file_missing", "there is no such file", str(path), _nearest(path)) from None
    except IsADirectoryError:
        what, fix = "this is a folder, not a file", "name one CSV file inside it"
        raise FileRefused("file_is_directory", what, str(path), fix) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        what, fix = f"the file cannot be read, {reason}", "check its name and permissions"
        raise FileRefused("file_unreadable", what, str(path), fix) from None


def _nearest(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f"check the folder {path.parent}, which cannot be listed either"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / close[0]}" if close else "check the name and the folder"
