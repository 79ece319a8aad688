"""Who may send rows by signed webhook: the setting `webhook_senders`."""

import base64
import binascii
import re

import msgspec

SECRET = "whsec_"  # noqa: S105 - what every secret begins with
PLAIN = "text:"
SECRET_BYTES = range(24, 65)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


class WebhookSender(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who sends rows, or the type of message: its profile, and the secrets that may sign."""

    name: str
    profile: str
    secrets: tuple[bytes, ...]


def read_senders(text: str) -> dict[str, WebhookSender]:
    """The senders by name; the text has `NAME PROFILE SECRET[,SECRET...]`, one a line or behind `;`.

    A secret is `whsec_` and its bytes in base64, or `text:` and the characters whose bytes it is.

    Raises:
        ValueError: says which entry cannot be used, never what its secret is.
    """
    senders: dict[str, WebhookSender] = {}
    entries = [entry.split() for entry in re.split(r"[;\n]", text) if entry.strip()]
    for number, parts in enumerate(entries, 1):
        if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
            raise ValueError(f"entry {number} is not NAME PROFILE {SECRET}..., with a name of a-z, 0-9 and hyphens")
        name, profile, secrets = parts
        if name in senders:
            raise ValueError(f"entry {number}: there is a sender {name} already")
        keys = tuple(read_secret(secret, number) for secret in secrets.split(","))
        senders[name] = WebhookSender(name=name, profile=profile, secrets=keys)
    return senders


def read_secret(secret: str, number: int) -> bytes:
    """The key in `whsec_...` or `text:...`, for entry `number`. Raises ValueError, which does not repeat it."""
    if secret.startswith(PLAIN):
        key = secret.removeprefix(PLAIN).encode()
        if len(key) not in SECRET_BYTES:
            raise ValueError(f"entry {number}: a secret as text has {SECRET_BYTES[0]} to {SECRET_BYTES[-1]} bytes")
        return key
    try:
        key = base64.b64decode(secret.removeprefix(SECRET), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(SECRET) or len(key) not in SECRET_BYTES:
        least, most = SECRET_BYTES[0], SECRET_BYTES[-1]
        raise ValueError(f"entry {number}: a secret is {SECRET} and {least} to {most} bytes in base64")
    return key
