"""How the simulated providers behave: one frozen description, and the presets."""

from collections.abc import Mapping

import msgspec

ACCIDENTS = ("unavailable", "rate_limited", "dropped", "garbage", "error_inside", "slow", "lost_reply")
REFUSALS = ("no_such_contact", "no_such_mailbox", "receipts_failed")
VERDICTS = ("invalid_email", "risky_email", "unknown_email")


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates are shares of keys (0 to 1), drawn from the seed and the key: the same key always meets the same fate."""

    seed: int = 1
    latency_ms: float = 0.0
    jitter_ms: float = 0.0  # Latency is drawn evenly from latency_ms ± jitter_ms.
    # Accidents: a key drawn for one meets it on its first 1 to failures_max attempts, then succeeds.
    unavailable: float = 0.0  # 503
    rate_limited: float = 0.0  # 429 with Retry-After, in seconds or as a date
    dropped: float = 0.0  # The connection breaks, nothing is done.
    garbage: float = 0.0  # 200, and not what it should be
    error_inside: float = 0.0  # 200 with {"result": "error"}
    slow: float = 0.0  # Done, and answered only after slow_ms.
    lost_reply: float = 0.0  # Done, and the connection breaks before the answer.
    failures_max: int = 2
    slow_ms: float = 12_000.0  # Longer than the 10 s that callers wait (acceptance S.03).
    retry_after_s: int = 1
    # Refusals and verdicts: for good.
    no_such_contact: float = 0.0
    invalid_email: float = 0.0
    risky_email: float = 0.0
    unknown_email: float = 0.0
    no_such_mailbox: float = 0.0
    receipts_failed: float = 0.0
    receipts_pending_polls: int = 0  # A receipt is pending for its first so many polls.
    api_key: str = ""  # The one key that is let in; empty: any.

    def __post_init__(self) -> None:
        for name in (*ACCIDENTS, *REFUSALS, *VERDICTS):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a rate from 0 to 1, not {getattr(self, name)}")
        for names in (ACCIDENTS, VERDICTS):
            if sum(getattr(self, name) for name in names) > 1:
                raise ValueError(f"the rates {', '.join(names)} exclude each other: together at most 1")
        for name in ("latency_ms", "jitter_ms", "slow_ms", "retry_after_s", "receipts_pending_polls"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative")
        if self.failures_max < 1:
            raise ValueError("failures_max is at least 1: set the rates to 0 for no failures")


CALM = Scenario()

PRESETS = {
    "calm": CALM,
    "demo": Scenario(
        failures_max=1,
        latency_ms=15,
        jitter_ms=10,
        unavailable=0.004,
        rate_limited=0.002,
        dropped=0.002,
        garbage=0.002,
        error_inside=0.001,
        lost_reply=0.001,
        no_such_contact=0.015,
        invalid_email=0.015,
        risky_email=0.02,
        unknown_email=0.005,
        no_such_mailbox=0.005,
    ),
    "flaky": Scenario(
        unavailable=0.04, rate_limited=0.03, dropped=0.03, garbage=0.03, error_inside=0.03, slow=0.01, lost_reply=0.03
    ),
    "garbage": Scenario(garbage=0.5),
    "rate_limited": Scenario(rate_limited=0.5),
    "slow": Scenario(slow=0.2),
}


def preset(name: str) -> Scenario:
    """The scenario of this name. Raises ValueError, which lists the names."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ValueError(f"no scenario is called {name!r}: choose from {', '.join(PRESETS)}") from None


def changed(base: Scenario, changes: Mapping[str, object]) -> Scenario:
    """The scenario with some fields changed; texts such as "0.2" are read as numbers. Raises ValueError."""
    return msgspec.convert({**msgspec.structs.asdict(base), **changes}, Scenario, strict=False)
