"""Signed messages: who sent this, and just now? (Standard Webhooks 1.0, https://www.standardwebhooks.com)"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from dispatch.domain.source.decide import NAME

TOLERANCE_S = 300
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
PREFIX = "whsec_"
SIGNATURES_MAX = 20
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_:-]{1,128}", re.ASCII)  # No full stop: it separates what is signed.
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)

Secrets = Mapping[str, tuple[bytes, ...]]
"""By source, every secret under which a message is believed: two of them while one replaces the other."""


class SecretsInvalid(ValueError):
    """The secrets cannot be read. Says on which line and never what stands there."""


class SignatureInvalid(Exception):
    """This message is not signed by the source that it names; which of many reasons, nobody is told."""


class MessageStale(Exception):
    """The message was signed too long ago, or in the future."""


def read_secrets(text: str) -> dict[str, tuple[bytes, ...]]:
    """The secrets of sources: `NAME=whsec_...,whsec_...`, one source a line, or separated by semicolons.

    Raises:
        SecretsInvalid: a line is not of this form, a source is there twice, or a secret has not 24 to 64 bytes.
    """
    found: dict[str, tuple[bytes, ...]] = {}
    for number, line in enumerate(re.split(r"[\n;]", text), 1):
        if not line.strip() or line.strip().startswith("#"):
            continue
        name, equals, values = line.strip().partition("=")
        if not equals or not NAME.fullmatch(name.strip()):
            raise SecretsInvalid(f"line {number} is not NAME=whsec_..., with a name of a-z, 0-9, - and _")
        if name.strip() in found:
            raise SecretsInvalid(f"line {number} names a source a second time: write its secrets behind one name")
        found[name.strip()] = tuple(_secret(value.strip(), number) for value in values.split(","))
    return found


def write_secret(key: bytes) -> str:
    """A key as people copy it, for both sides."""
    return PREFIX + base64.b64encode(key).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature of a message, as a sender makes it. Raises SecretsInvalid."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return f"v1,{base64.b64encode(hmac.digest(_secret(secret, 1), signed, hashlib.sha256)).decode()}"


class Verification:
    """Checks one message while its body arrives, in flat memory.

    Raises:
        SignatureInvalid: a header is missing or of no known form.
        MessageStale: the timestamp is more than five minutes away from `now`.
    """

    def __init__(
        self, secrets_of_source: Iterable[bytes], message_id: str, timestamp: str, signatures: str, now: datetime
    ) -> None:
        if not (_MESSAGE_ID.fullmatch(message_id) and _TIMESTAMP.fullmatch(timestamp)):
            raise SignatureInvalid
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
            raise MessageStale
        self._given = [given for each in signatures.split(" ")[:SIGNATURES_MAX] if (given := _signature(each))]
        keys = tuple(secrets_of_source)
        self._is_known = bool(keys)
        keys = keys or (bytes(32),)  # A source without secrets is checked as well, and takes as long to refuse.
        start = f"{message_id}.{timestamp}.".encode()
        self._digests = [hmac.new(key, start, hashlib.sha256) for key in keys]

    def update(self, chunk: bytes) -> None:
        """The next bytes of the body."""
        for digest in self._digests:
            digest.update(chunk)

    def finish(self) -> None:
        """The body ended. Raises SignatureInvalid."""
        expected = [digest.digest() for digest in self._digests]
        # All of them are compared, each in constant time: how long it takes says nothing.
        if not (sum(hmac.compare_digest(given, own) for given in self._given for own in expected) and self._is_known):
            raise SignatureInvalid


def _secret(text: str, line: int) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretsInvalid(f"line {line}: a secret is not base64 behind {PREFIX}") from None
    if not text.startswith(PREFIX) or not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        what = f"a secret begins with {PREFIX} and holds {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"
        raise SecretsInvalid(f"line {line}: {what}")
    return secret


def _signature(text: str) -> bytes:
    """The bytes of a symmetric signature; of other versions, and of what is none, nothing."""
    version, _, value = text.partition(",")
    if version != "v1":
        return b""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""
