"""Is a request signed in the older form, by the header X-Webhook-Signature?

It is HMAC-SHA-256 in base64 over the raw bytes of the body. Where X-Webhook-Timestamp (Unix seconds) and X-Webhook-Id
are sent they are signed too, before the body and each with a full stop behind it: `id.timestamp.body`. Without the
timestamp an old request can be sent again by whoever saw it; it is still known by its bytes.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from dispatch.entrypoints.http.problem import Refused
from dispatch.entrypoints.http.signatures import DIGITS_MAX, ID_CHARACTERS_MAX, TOLERANCE_S
from dispatch.entrypoints.senders import WebhookSender

SIGNATURE, TIMESTAMP, ID = "x-webhook-signature", "x-webhook-timestamp", "x-webhook-id"
_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{ID_CHARACTERS_MAX}}}", re.ASCII)  # No body of JSON can begin with it and a stop.


class ClassicallySigned:
    """A request whose body is still coming: hashed as it arrives, and compared at its end."""

    def __init__(self, sender: WebhookSender | None, headers: Mapping[str, str], now: float) -> None:
        """Raises Refused: `signature_invalid` or `signature_stale`; nothing says what exactly was wrong."""
        self.message_id, at = headers.get(ID, ""), headers.get(TIMESTAMP, "")
        is_dated = at.isascii() and at.isdigit() and len(at) <= DIGITS_MAX
        if sender is None or (at and not is_dated) or (self.message_id and not _ID.fullmatch(self.message_id)):
            raise _invalid()
        if at and abs(now - int(at)) > TOLERANCE_S:
            what = f"the request was signed more than {TOLERANCE_S // 60} minutes ago, or in the future"
            raise Refused("signature_stale", what, where=f"header {TIMESTAMP}", fix="set the clock, sign again")
        self.sent_at = datetime.fromtimestamp(int(at), UTC) if at else None
        self._given = headers.get(SIGNATURE, "").strip()
        head = "".join(f"{part}." for part in (self.message_id, at) if part).encode()
        self._hashes = [hmac.new(secret, head, sha256) for secret in sender.secrets]

    def write(self, chunk: bytes) -> None:
        """The next bytes of the body."""
        for each in self._hashes:
            each.update(chunk)

    def check(self) -> None:
        """The body has ended. Raises Refused: `signature_invalid`."""
        given = self._given.encode()
        matches = [hmac.compare_digest(given, base64.b64encode(each.digest())) for each in self._hashes]
        if not any(matches):
            raise _invalid()


def _invalid() -> Refused:
    what = "the request is not signed by a sender that is known here"
    fix = "sign the bytes of the body with HMAC-SHA-256, in base64"
    return Refused("signature_invalid", what, where=f"header {SIGNATURE}", fix=fix)
