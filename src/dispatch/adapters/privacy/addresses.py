"""Addresses as keyed hashes: the same address is always the same contact id, and without the key nobody can tell which.

HMAC-SHA-256 (RFC 2104), cut to the 122 bits that a UUID of version 8 (RFC 9562, 5.8) leaves free.
"""

import hashlib
from collections.abc import Callable, Iterable
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from dispatch.application.ports.privacy import Address, AddressKind
from dispatch.domain.person import Person

_PREFIXES = {kind: f"{kind.value}:".encode() for kind in AddressKind}
CONTACT_BYTES = 16
DIGEST_BYTES = 32
_UUID8_BYTES = {  # Place of a byte in the digest, and the table that sets version or variant in it.
    6: bytes(0x80 | byte & 0x0F for byte in range(256)),
    8: bytes(0x80 | byte & 0x3F for byte in range(256)),
}
_FREE = ~0xF000_C000_0000_0000_0000  # All bits but those of version and variant.
_UUID8 = 0x8000_8000_0000_0000_0000


def _begun(index_key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    # HMAC by its definition: the library sets both halves up anew for each address, which takes three times as long.
    padded = index_key.ljust(hashlib.sha256().block_size, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    return inner, outer


def contact_keys(index_key: bytes) -> Callable[[AddressKind, str], bytes]:
    """A function from an address to the 16 bytes of its contact's id; the key is set up once.

    The spelling of an e-mail address's capitals makes no difference.
    """
    inner, outer = _begun(index_key)

    def contact_key(kind: AddressKind, value: str) -> bytes:
        inside, outside = inner.copy(), outer.copy()
        inside.update(_PREFIXES[kind] + value.casefold().encode())
        outside.update(inside.digest())
        return (int.from_bytes(outside.digest()[:16]) & _FREE | _UUID8).to_bytes(16)

    return contact_key


def contacts_of(index_key: bytes, persons: Iterable[Person], subjects: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """Pairs of contact and subject for every address of these persons: `contact_keys` for a whole import.

    At an import nobody was found for a slot yet.
    """
    begun = HMAC(index_key, SHA256())  # Of all libraries the one that copies it fastest.
    phone, email, device = (_PREFIXES[kind] for kind in (AddressKind.PHONE, AddressKind.EMAIL, AddressKind.DEVICE))
    reached: list[bytes] = []
    addresses: list[bytes] = []
    for person, subject in zip(persons, subjects, strict=True):
        if person.phone:
            reached.append(subject)
            addresses.append(phone + person.phone.casefold().encode())
        if person.email:
            reached.append(subject)
            addresses.append(email + person.email.casefold().encode())
        if person.device:
            reached.append(subject)
            addresses.append(device + person.device.casefold().encode())
    digests: list[bytes] = []
    for address in addresses:
        one = begun.copy()
        one.update(address)
        digests.append(one.finalize())
    ids = bytearray(b"".join(digests))
    for at, table in _UUID8_BYTES.items():  # The same byte of every digest at once.
        ids[at::DIGEST_BYTES] = ids[at::DIGEST_BYTES].translate(table)
    found = bytes(ids)
    return [
        (found[at : at + CONTACT_BYTES], subject)
        for at, subject in zip(range(0, len(found), DIGEST_BYTES), reached, strict=True)
    ]


def contact_id(index_key: bytes, address: Address) -> str:
    """The contact's id in text form."""
    return str(UUID(bytes=contact_keys(index_key)(address.kind, address.value)))


def addresses_of(person: Person) -> list[tuple[AddressKind, str]]:
    """Every address by which this person, or one of those in the slots of a company, can be reached."""
    known = [(AddressKind.PHONE, person.phone), (AddressKind.EMAIL, person.email), (AddressKind.DEVICE, person.device)]
    for slot in person.slots:
        known += [(AddressKind.PHONE, slot.phone), (AddressKind.EMAIL, slot.email)]
    return [(kind, value) for kind, value in dict.fromkeys(known) if value]
