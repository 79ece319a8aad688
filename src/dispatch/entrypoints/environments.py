"""Named environments: the settings of another installation, in a file `.env.NAME` of the folder one works in."""

import re
from pathlib import Path

from dispatch.entrypoints.settings import PREFIX, SettingsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.ASCII)


def read_environment(name: str, folder: Path = Path()) -> dict[str, str]:
    """The DISPATCH_ variables of `.env.NAME`: lines `KEY=VALUE`, as in .env.example; others are of no concern.

    They stand instead of the process' own, so that nothing of one environment gets into another.

    Raises:
        SettingsError: no such name or file, or a line that cannot be read; values are never repeated.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(f"--env: {name[:64]!r} is not a name of letters, digits, hyphens and underscores")
    path = folder / f".env.{name}"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SettingsError(f"--env: {path} cannot be read ({reason}); write it as .env.example shows") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"--env: {path} is not UTF-8 text") from error
    found = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise SettingsError(f"{path}: line {number} is not KEY=VALUE")
        if match[1].startswith(PREFIX):
            found[match[1]] = _unquoted(match[2])
    return found


def _unquoted(value: str) -> str:
    """Without the quotes around it, or without the remark behind it."""
    if len(value) > 1 and value[0] in "\"'" and value.endswith(value[0]):
        return value[1:-1]
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
