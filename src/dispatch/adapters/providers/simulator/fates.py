"""What befalls a request on its way: drawn from the seed, the endpoint, the key and how often the key was asked."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import blake2b
from typing import Final

import msgspec

from dispatch.adapters.providers.simulator.scenario import ACCIDENTS, Scenario

GARBAGE: Final = (b"<html>It works!</html>", b'{"unexpected": true}', b'{"id": "m_1", "email', b'{"email": "\xff"}')
WORD: Final = 1 << 32


class Reply(msgspec.Struct, gc=False):
    """What goes back over the wire, and when; `dropped`: nothing does, the connection breaks."""

    status: int
    body: bytes
    delay_ms: float = 0.0
    retry_after: str = ""
    dropped: bool = False


class Draw:
    """128 even bits of a name; each use takes its own word of 32, so that they do not depend on each other."""

    __slots__ = ("_bits",)

    def __init__(self, seed: int, endpoint: str, key: str) -> None:
        self._bits = int.from_bytes(blake2b(f"{seed}/{endpoint}/{key}".encode(), digest_size=16).digest(), "big")

    def share(self, word: int) -> float:
        """An even draw, at least 0 and below 1."""
        return self.number(word) / WORD

    def number(self, word: int) -> int:
        """An even draw of 32 bits."""
        return (self._bits >> 32 * word) % WORD


class Fate(msgspec.Struct, frozen=True, gc=False):
    """What happens to one request: perhaps an accident, and a delay."""

    accident: str = ""
    delay_ms: float = 0.0
    form: int = 0  # Which form of the accident, where it has several.
    retry_after_s: int = 0

    def instead(self) -> Reply | None:
        """The reply of an accident before anything is done."""
        match self.accident:
            case "unavailable":
                return Reply(503, b'{"code":"unavailable"}', self.delay_ms)
            case "rate_limited":
                return Reply(429, b'{"code":"rate_limited"}', self.delay_ms, retry_after=self._retry_after())
            case "dropped":
                return Reply(0, b"", self.delay_ms, dropped=True)
            case "garbage":
                return Reply(200, GARBAGE[self.form % len(GARBAGE)], self.delay_ms)
            case "error_inside":
                return error_inside("Internal error", self.delay_ms)
            case _:
                return None

    def after(self, reply: Reply) -> Reply:
        """The reply of what was done, late or lost."""
        reply.delay_ms = self.delay_ms
        reply.dropped = self.accident == "lost_reply"
        return reply

    def _retry_after(self) -> str:
        if self.form % 2:
            return str(self.retry_after_s)
        return format_datetime(datetime.now(UTC) + timedelta(seconds=self.retry_after_s), usegmt=True)


def error_inside(error: str, delay_ms: float = 0.0) -> Reply:
    """HTTP 200 and an error all the same, as some providers do."""
    return Reply(200, b'{"result":"error","error":"%b"}' % error.encode(), delay_ms)


class Fates:
    """Deals out fates by one scenario, and counts the attempts of the keys that were drawn for an accident."""

    def __init__(self, scenario: Scenario, errors: Counter[str]) -> None:
        self._scenario, self._errors = scenario, errors
        self._attempts: Counter[str] = Counter()
        self._even = scenario.jitter_ms == 0 and not any(getattr(scenario, name) for name in ACCIDENTS)
        self._untroubled = Fate(delay_ms=scenario.latency_ms)

    def meet(self, endpoint: str, key: str) -> Fate:
        """The fate of one more attempt of this key."""
        if self._even:
            return self._untroubled
        scenario, draw = self._scenario, Draw(self._scenario.seed, endpoint, key)
        delay_ms = max(0.0, scenario.latency_ms + scenario.jitter_ms * (2 * draw.share(0) - 1))
        accident = self._accident(draw.share(1))
        if accident:
            self._attempts[f"{endpoint}/{key}"] += 1
            if self._attempts[f"{endpoint}/{key}"] > 1 + draw.number(2) % scenario.failures_max:
                accident = ""
        if not accident:
            return Fate("", delay_ms)
        self._errors[accident] += 1
        if accident == "slow":
            delay_ms = scenario.slow_ms
        return Fate(accident, delay_ms, draw.number(3), scenario.retry_after_s)

    def _accident(self, share: float) -> str:
        for accident in ACCIDENTS:
            share -= getattr(self._scenario, accident)
            if share < 0:
                return accident
        return ""
