"""Values as people read them: ages, durations, sizes and short ids."""

from collections.abc import Sequence
from datetime import UTC, datetime

ID_CHARACTERS_MIN = 8


def age(since: datetime, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that is not nothing: `3 min`."""
    return duration(((now or datetime.now(UTC)) - since).total_seconds())


def duration(seconds: float) -> str:
    """A length of time in two or three characters and its unit."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def waits(delay_first_s: float, delay_cap_s: float) -> str:
    """How long is waited between two attempts: `1.0 s doubling to 60 s`."""
    first, cap = duration(delay_first_s), duration(delay_cap_s)
    return f"{first} doubling to {cap}" if delay_first_s < delay_cap_s else f"{cap} each time"


def size(count: int) -> str:
    """Bytes in decimal units: `1.2 MB`."""
    number = float(count)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """Each id by its shortest beginning, of eight characters or more, that no other of these has."""
    different = set(ids)
    length = ID_CHARACTERS_MIN
    while different and length < max(map(len, different)) and len({one[:length] for one in different}) < len(different):
        length += 1
    return {one: one[:length] for one in different}
