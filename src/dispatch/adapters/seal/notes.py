"""Signed notes (C2SP signed-note) and their Ed25519 keys, in the text forms that tools of transparency logs use."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
SIGNATURES_MAX = 64
_PRIVATE = "PRIVATE+KEY+"
_NAME = re.compile(r"[^\s+]+")
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f]")


class KeyInvalid(Exception):
    """The text is not a key; the message says why, and never holds a private one."""


class NoteInvalid(Exception):
    """The note is malformed, or no known key has signed it."""


class PublicKey(msgspec.Struct, frozen=True):
    """Who may sign under a name. Its text is `name+id+key`, as Go's `sumdb/note` writes it."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of the hash over name, kind and key."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def text(self) -> str:
        """The key for people and files."""
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"


class PrivateKey:
    """Signs notes under its name. Its text must be kept secret."""

    def __init__(self, name: str, secret: bytes) -> None:
        """A key from its 32 secret bytes. Raises KeyInvalid when the name has spaces or a plus."""
        if not _NAME.fullmatch(name):
            raise KeyInvalid(f"the name {name!r} must be without spaces and plus signs, and not empty")
        self._secret, self._key = secret, Ed25519PrivateKey.from_private_bytes(secret)
        self.public = PublicKey(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> "PrivateKey":
        """A new key. Raises KeyInvalid as the constructor does."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    def text(self) -> str:
        """The secret, for the key file."""
        secret = b64encode(ED25519 + self._secret).decode()
        return f"{_PRIVATE}{self.public.name}+{self.public.id.hex()}+{secret}"

    def signature(self, text: str) -> str:
        """The line that signs this text."""
        signed = b64encode(self.public.id + self._key.sign(text.encode())).decode()
        return f"\u2014 {self.public.name} {signed}\n"


def parse_public_key(text: str) -> PublicKey:
    """The key that this text is. Raises KeyInvalid."""
    name, key_id, key = _parts(text.strip())
    parsed = PublicKey(name, key)
    if parsed.id.hex() != key_id:
        raise KeyInvalid(f"the id {key_id} of the key {name} does not belong to it")
    return parsed


def parse_private_key(text: str) -> PrivateKey:
    """The key that this text is. Raises KeyInvalid."""
    if not text.startswith(_PRIVATE):
        raise KeyInvalid(f"a private key begins with {_PRIVATE}")
    name, key_id, secret = _parts(text.strip().removeprefix(_PRIVATE))
    parsed = PrivateKey(name, secret)
    if parsed.public.id.hex() != key_id:
        raise KeyInvalid(f"the id {key_id} of the private key {name} does not belong to it")
    return parsed


def sign_note(text: str, keys: Iterable[PrivateKey]) -> str:
    """The text with a signature of each key. The text must end with a newline."""
    if not text.endswith("\n") or _FORBIDDEN.search(text):
        raise ValueError("the text of a note ends with a newline and holds no other control characters")
    return "".join([text, "\n", *(key.signature(text) for key in keys)])


def open_note(note: str, keys: Iterable[PublicKey]) -> str:
    """The text of a note that one of these keys has signed.

    Raises:
        NoteInvalid: it is not a note, none of the keys signed it, or a signature under one of them is wrong.
    """
    text, separator, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not separator or lines.pop() or not lines or len(lines) > SIGNATURES_MAX or _FORBIDDEN.search(note):
        raise NoteInvalid("this is not a signed note: a text, an empty line, and signatures")
    text += "\n"
    known = {(key.name, key.id): key for key in keys}
    signed = False
    for line in lines:
        name, key_id, signature = _signature(line)
        key = known.get((name, key_id))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
        except InvalidSignature:
            raise NoteInvalid(f"the signature of {name} is wrong: the text was changed") from None
        signed = True
    if not signed:
        names = ", ".join(sorted({f"{key.name}+{key.id.hex()}" for key in known.values()})) or "no key"
        raise NoteInvalid(f"none of the known keys has signed it ({names})")
    return text


def _signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    try:
        mark, name, encoded = parts
        data = b64decode(encoded, validate=True)
    except (ValueError, Base64Error):
        raise NoteInvalid(f"this is no line of a signature: {line!r}") from None
    if mark != "\u2014" or not _NAME.fullmatch(name) or len(data) <= 4:
        raise NoteInvalid(f"this is no line of a signature: {line!r}")
    return name, data[:4], data[4:]


def _parts(text: str) -> tuple[str, str, bytes]:
    """Name, id, and the 32 bytes of the key. Its base64 may hold plus signs, the name may not."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        data = b64decode(encoded, validate=True)
    except Base64Error:
        data = b""
    if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{8}", key_id) or len(data) != 33:
        raise KeyInvalid("a key is NAME+ID+BASE64: eight hexadecimal digits, then 33 bytes in base64")
    if data[:1] != ED25519:
        raise KeyInvalid(f"the key {name} is not of the kind Ed25519")
    return name, key_id, data[1:]
