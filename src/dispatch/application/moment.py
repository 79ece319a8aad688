"""Times as people write them: ISO 8601, with an offset or in UTC."""

import re
from datetime import UTC, datetime

EXAMPLE = "2026-11-27T10:00:00+00:00, or 2026-11-27 10:00 for UTC"

_PLUS_LOST = re.compile(
    r"(.*:[0-9.]+) ([0-9]{2}:?[0-9]{2})"
)  # In a query string a plus that is not escaped is a space.


def parse_time(text: str) -> datetime:
    """The moment that is meant; without an offset it is UTC, without a time of day the beginning of the day.

    Raises:
        ValueError: it is not a time; the message says what one looks like.
    """
    try:
        at = datetime.fromisoformat(_PLUS_LOST.sub(r"\1+\2", text.strip()))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text} is not a time like {EXAMPLE}") from error
