"""Is a request signed by who may send it (Standard Webhooks, specification 1.0)?

The signature is HMAC-SHA-256 over `id.timestamp.body`, in base64; a sender may sign under several secrets at once, and
several are accepted, so that they can be exchanged without a pause.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from dispatch.entrypoints.http.problem import Refused
from dispatch.entrypoints.senders import WebhookSender

TOLERANCE_S = 300
ID_CHARACTERS_MAX = 200
DIGITS_MAX = 12


class Signed:
    """A request whose body is still coming: hashed as it arrives, and compared at its end."""

    def __init__(self, sender: WebhookSender | None, headers: Mapping[str, str], now: float) -> None:
        """Raises Refused: `signature_invalid` or `signature_stale`; nothing says what exactly was wrong."""
        self.message_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signatures = headers.get("webhook-signature", "")
        is_dated = at.isascii() and at.isdigit() and len(at) <= DIGITS_MAX
        if sender is None or not is_dated or not 0 < len(self.message_id) <= ID_CHARACTERS_MAX:
            raise _invalid()
        if abs(now - int(at)) > TOLERANCE_S:
            what = f"the request was signed more than {TOLERANCE_S // 60} minutes ago, or in the future"
            raise Refused("signature_stale", what, where="header webhook-timestamp", fix="set the clock, sign again")
        self.sent_at: datetime | None = datetime.fromtimestamp(int(at), UTC)
        self._given = [given[3:] for given in signatures.split() if given.startswith("v1,")]
        head = f"{self.message_id}.{at}.".encode()
        self._hashes = [hmac.new(secret, head, sha256) for secret in sender.secrets]

    def write(self, chunk: bytes) -> None:
        """The next bytes of the body."""
        for each in self._hashes:
            each.update(chunk)

    def check(self) -> None:
        """The body has ended. Raises Refused: `signature_invalid`."""
        expected = [base64.b64encode(each.digest()) for each in self._hashes]
        matches = [hmac.compare_digest(given.encode(), one) for given in self._given for one in expected]
        if not any(matches):
            raise _invalid()


def _invalid() -> Refused:
    what, fix = "the request is not signed by a sender that is known here", "sign it as Standard Webhooks says"
    return Refused("signature_invalid", what, where="headers webhook-id, webhook-timestamp, webhook-signature", fix=fix)
