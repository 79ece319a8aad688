"""Addresses as keyed hashes: the same address is always the same contact id, and without the key nobody can tell which.

HMAC-SHA-256 (RFC 2104), cut to the 122 bits that a UUID of version 8 (RFC 9562, 5.8) leaves free.
"""

from hmac import digest
from uuid import UUID

from dispatch.application.ports.privacy import Address, AddressKind
from dispatch.domain.person import Person


def contact_key(index_key: bytes, kind: AddressKind, value: str) -> bytes:
    """The 16 bytes of the contact's id. The spelling of an e-mail address's capitals makes no difference."""
    hashed = bytearray(digest(index_key, f"{kind}:{value.casefold()}".encode(), "sha256"))
    hashed[6] = 0x80 | hashed[6] & 0x0F
    hashed[8] = 0x80 | hashed[8] & 0x3F
    return bytes(hashed[:16])


def contact_id(index_key: bytes, address: Address) -> str:
    """The contact's id in text form."""
    return str(UUID(bytes=contact_key(index_key, address.kind, address.value)))


def addresses_of(person: Person) -> list[tuple[AddressKind, str]]:
    """Every address by which this person can be reached."""
    known = (AddressKind.PHONE, person.phone), (AddressKind.EMAIL, person.email)
    return [(kind, value) for kind, value in known if value]
