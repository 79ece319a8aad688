"""How the simulated providers behave: one frozen description, and the presets."""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from dispatch.application.webhooks.signing import SECRET_PREFIX

ACCIDENTS = ("unavailable", "rate_limited", "dropped", "garbage", "error_inside", "slow", "lost_reply")
REFUSALS = ("no_such_contact", "no_such_mailbox", "receipts_failed")
SHARES = ("receipts_lost", "receipts_contradicted")
VERDICTS = ("invalid_email", "risky_email", "unknown_email")


NOT_NEGATIVE = (
    *("latency_ms", "jitter_ms", "slow_ms", "retry_after_s", "receipts_pending_polls", "receipts_copies"),
    *("receipts_delay_ms", "receipts_jitter_ms", "flap_up_s", "flap_down_s"),
)
RECEIPTS_AT_ONCE_MAX = 1_000


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
    # Receipts that it sends by itself, signed as Standard Webhooks says. Counted from when a message was taken, so that
    # with a latency they come before the answer.
    receipts_copies: int = 0  # How often each is sent; 0: none is.
    receipts_to: str = ""  # Where they are posted; empty: none is sent.
    receipts_secret: str = ""  # whsec_ and base64
    receipts_delay_ms: float = 0.0
    receipts_jitter_ms: float = 0.0  # Up to so much later, drawn for each copy: they overtake each other.
    receipts_lost: float = 0.0  # Messages of which none is ever sent.
    receipts_contradicted: float = 0.0  # Messages that are said to be delivered and to have failed.
    receipts_at_once: int = 1  # In one request, of those that are due.
    receipts_by_key: bool = False  # They name the idempotency key, and not the message id.
    # Coming and going, all endpoints together; the seed draws where in its turn it begins.
    flap_up_s: float = 0.0
    flap_down_s: float = 0.0  # 0: always up.
    flap_drops: bool = False  # While down, connections break; else 503 is answered.
    api_key: str = ""  # The one key that is let in; empty: any.

    def __post_init__(self) -> None:
        for name in (*ACCIDENTS, *REFUSALS, *VERDICTS, *SHARES):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a rate from 0 to 1, not {getattr(self, name)}")
        for names in (ACCIDENTS, VERDICTS):
            if sum(getattr(self, name) for name in names) > 1:
                raise ValueError(f"the rates {', '.join(names)} exclude each other: together at most 1")
        for name in NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative")
        if self.failures_max < 1:
            raise ValueError("failures_max is at least 1: set the rates to 0 for no failures")
        if not 1 <= self.receipts_at_once <= RECEIPTS_AT_ONCE_MAX:
            raise ValueError(f"receipts_at_once is 1 to {RECEIPTS_AT_ONCE_MAX:,}")
        if self.flap_down_s and not self.flap_up_s:
            raise ValueError("flap_up_s is above 0 where flap_down_s is: it would never be up")
        if self.receipts_to:
            if not self.receipts_to.startswith(("http://", "https://")):
                raise ValueError("receipts_to is an absolute URL, like http://127.0.0.1:8080/v1/receipts/notifier")
            secret_bytes(self.receipts_secret)


def secret_bytes(secret: str) -> bytes:
    """The key in `whsec_...`. Raises ValueError, which does not repeat it."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key or not secret.startswith(SECRET_PREFIX):
        raise ValueError(f"receipts_secret is {SECRET_PREFIX} and bytes in base64")
    return key


CALM = Scenario()


def changed(base: Scenario, changes: Mapping[str, object]) -> Scenario:
    """The scenario with some fields changed; texts such as "0.2" are read as numbers. Raises ValueError."""
    return msgspec.convert({**msgspec.structs.asdict(base), **changes}, Scenario, strict=False)
