"""AES-256-GCM (NIST SP 800-38D) over persons, and over the keys that encrypt them."""

import os
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dispatch.domain.person import Person

KEY_BYTES = 32
NONCE_BYTES = 12
NONCES_AT_ONCE = 512
FORMAT = b"\x01"
"""First byte of an encrypted person: what follows is a nonce and AES-256-GCM's output over the person's JSON."""

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Person)
_PERSON = b"dispatch person v1\x00"
_KEY = b"dispatch subject key v1\x00"


class CiphertextInvalid(Exception):
    """The bytes are not what this key encrypted for this subject: they were changed, moved, or cut."""


def new_key() -> bytes:
    """256 bits from the operating system."""
    return os.urandom(KEY_BYTES)


def nonces() -> Iterator[bytes]:
    """Random nonces without end; the operating system is asked for many at once."""
    while True:
        chance = os.urandom(NONCE_BYTES * NONCES_AT_ONCE)
        yield from (chance[at : at + NONCE_BYTES] for at in range(0, len(chance), NONCE_BYTES))


def encrypt_person(key: bytes, subject: bytes, person: Person, nonce: bytes) -> Person:
    """The same person, unreadable. `subject` is authenticated: moved to another subject, it does not decrypt.

    A nonce must not come twice under one key: take it from `nonces`.
    """
    return Person(encrypted=FORMAT + nonce + AESGCM(key).encrypt(nonce, _ENCODER.encode(person), _PERSON + subject))


def encrypted_parts(
    keys: Iterable[bytes | None], subjects: Iterable[bytes], persons: Iterable[bytes], nobody: bytes
) -> list[bytes]:
    """`encrypt_person` for an import, from JSON to JSON; `nobody` where there is no key."""
    return [
        nobody
        if key is None
        else b'{"encrypted":"%b"}'
        % b2a_base64(FORMAT + nonce + AESGCM(key).encrypt(nonce, person, _PERSON + subject), newline=False)
        for key, subject, person, nonce in zip(keys, subjects, persons, nonces(), strict=False)
    ]


def decrypt_person(key: bytes, subject: bytes, person: Person) -> Person:
    """The person in plain text. Raises CiphertextInvalid."""
    data = person.encrypted
    if data[:1] != FORMAT:
        raise CiphertextInvalid(f"format {data[:1].hex() or 'none'} of an encrypted person is not known here")
    return _DECODER.decode(_decrypt(key, data[1:], _PERSON + subject))


def wrap_all(key: bytes, secrets: Mapping[bytes, bytes]) -> list[bytes]:
    """`wrap` for many at once: the key is set up once, and chance is asked once."""
    encrypt = AESGCM(key).encrypt
    return [
        nonce + encrypt(nonce, secret, _KEY + name)
        for nonce, (name, secret) in zip(nonces(), secrets.items(), strict=False)
    ]


def new_keys(subjects: Sequence[bytes]) -> dict[bytes, bytes]:
    """A key for each."""
    chance = os.urandom(KEY_BYTES * len(subjects))
    return {subject: chance[at * KEY_BYTES : (at + 1) * KEY_BYTES] for at, subject in enumerate(subjects)}


def wrap(key: bytes, name: bytes, secret: bytes) -> bytes:
    """`secret`, a key itself, encrypted under `key`; `name` says what it is the key of and is authenticated."""
    [wrapped] = wrap_all(key, {name: secret})
    return wrapped


def unwrap(key: bytes, name: bytes, wrapped: bytes) -> bytes:
    """The secret. Raises CiphertextInvalid."""
    return _decrypt(key, wrapped, _KEY + name)


def _decrypt(key: bytes, data: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError) as error:
        raise CiphertextInvalid("the bytes are not what was encrypted under this key") from error
