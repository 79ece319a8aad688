"""Addresses as keyed hashes: the same address is always the same contact id, and without the key nobody can tell which.

HMAC-SHA-256 (RFC 2104), cut to the 122 bits that a UUID of version 8 (RFC 9562, 5.8) leaves free.
"""

from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

from dispatch.application.ports.privacy import Address, AddressKind
from dispatch.domain.person import Person

_PREFIXES = {kind: f"{kind.value}:".encode() for kind in AddressKind}
_FREE = ~0xF000_C000_0000_0000_0000  # All bits but those of version and variant.
_UUID8 = 0x8000_8000_0000_0000_0000


def contact_keys(index_key: bytes) -> Callable[[AddressKind, str], bytes]:
    """A function from an address to the 16 bytes of its contact's id; the key is set up once.

    The spelling of an e-mail address's capitals makes no difference.
    """
    # HMAC by its definition: the library sets both halves up anew for each address, which takes three times as long.
    padded = index_key.ljust(sha256().block_size, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))

    def contact_key(kind: AddressKind, value: str) -> bytes:
        inside, outside = inner.copy(), outer.copy()
        inside.update(_PREFIXES[kind] + value.casefold().encode())
        outside.update(inside.digest())
        return (int.from_bytes(outside.digest()[:16]) & _FREE | _UUID8).to_bytes(16)

    return contact_key


def contact_id(index_key: bytes, address: Address) -> str:
    """The contact's id in text form."""
    return str(UUID(bytes=contact_keys(index_key)(address.kind, address.value)))


def addresses_of(person: Person) -> list[tuple[AddressKind, str]]:
    """Every address by which this person can be reached."""
    known = (AddressKind.PHONE, person.phone), (AddressKind.EMAIL, person.email)
    return [(kind, value) for kind, value in known if value]
