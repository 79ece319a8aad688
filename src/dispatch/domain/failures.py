"""Which failures are the same failure: a normalised message, a fingerprint of it, and how bad it is (S.11)."""

import hashlib
import re
from enum import StrEnum

MESSAGE_CHARACTERS_MAX = 200
FINGERPRINT_DIGITS = 12
CRASH = "stage_crashed"

PLACEHOLDERS = (
    (re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+"), "<email>"),
    (re.compile(r"https?://\S+", re.IGNORECASE), "<url>"),
    (re.compile(r"\"[^\"]*\"|“[^”]*”|`[^`]*`|(?<!\w)'[^']*'(?!\w)"), "<text>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b(?:0x[0-9a-f]+|(?=[0-9a-f]*\d)[0-9a-f]{8,})\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[\w-]*\d)[A-Za-z]\w*(?:-\w+)*\b"), "<id>"),
    (re.compile(r"[+-]?\d+(?:[.,:]\d+)*"), "<n>"),
)
"""In this order: what is longer and more particular comes first, so that nothing of it is left for the next."""


class Severity(StrEnum):
    """How bad a failure is that trying again has not mended."""

    WARNING = "warning"  # An accident outside that outlasted the retries.
    ERROR = "error"  # A refusal: trying again would not help.
    CRITICAL = "critical"  # A bug: the stage itself broke.


def normalise(message: str) -> str:
    """The message without what differs from job to job: numbers, ids, hexadecimal, quoted parts, addresses.

    What is normalised already stays as it is. At most MESSAGE_CHARACTERS_MAX characters.
    """
    for pattern, placeholder in PLACEHOLDERS:
        message = pattern.sub(placeholder, message)
    return " ".join(message.split())[:MESSAGE_CHARACTERS_MAX]


def fingerprint(stage: str, provider: str, code: str, message: str) -> str:
    """The name of a group: 12 hex digits, the same whenever stage, provider, code and normalised message are."""
    told = "\x1f".join((stage, provider, code, normalise(message)))
    return hashlib.sha256(told.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def severity(code: str, *, transient: bool) -> Severity:
    """How bad it is, by its code and by whether it might have passed."""
    if code == CRASH:
        return Severity.CRITICAL
    return Severity.WARNING if transient else Severity.ERROR
