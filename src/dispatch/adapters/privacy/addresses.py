"""Addresses as keyed hashes: the same address is always the same contact id, and without the key nobody can tell which.

HMAC-SHA-256 (RFC 2104), cut to the 122 bits that a UUID of version 8 (RFC 9562, 5.8) leaves free.
"""

from hmac import digest
from uuid import UUID

from dispatch.application.ports.privacy import Address, AddressKind
from dispatch.domain.person import Person

_VERSION_8 = 0x8 << 76
_VARIANT = 0x2 << 62
_FREE = (1 << 128) - 1 - (0xF << 76) - (0x3 << 62)


def contact_key(index_key: bytes, kind: AddressKind, value: str) -> bytes:
    """The 16 bytes of the contact's id. The spelling of an e-mail address's capitals makes no difference."""
    hashed = digest(index_key, f"{kind.value}:{value.casefold()}".encode(), "sha256")
    return ((int.from_bytes(hashed[:16]) & _FREE) | _VERSION_8 | _VARIANT).to_bytes(16)


def contact_id(index_key: bytes, address: Address) -> str:
    """The contact's id in text form."""
    return str(UUID(bytes=contact_key(index_key, address.kind, address.value)))


def addresses_of(person: Person) -> list[tuple[AddressKind, str]]:
    """Every address by which this person can be reached."""
    known = (AddressKind.PHONE, person.phone), (AddressKind.EMAIL, person.email)
    return [(kind, value) for kind, value in known if value]
