"""Contact ids are HMAC-SHA-256 as the standard library computes it, cut to a UUID of version 8."""

import hmac
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.adapters.privacy.addresses import addresses_of, contact_id, contact_keys, contacts_of
from dispatch.application.ports.privacy import Address, AddressKind
from dispatch.domain.person import Person


@given(st.binary(min_size=32, max_size=32), st.sampled_from(AddressKind), st.text(min_size=1, max_size=80))
def test_an_id_is_the_keyed_hash_of_kind_and_address(key: bytes, kind: AddressKind, value: str):
    digest = hmac.digest(key, f"{kind.value}:{value.casefold()}".encode(), "sha256")
    found = contact_keys(key)(kind, value)
    free = ~(0xF << 76 | 0x3 << 62)
    assert int.from_bytes(found, "big") & free == int.from_bytes(digest[:16], "big") & free
    assert (UUID(bytes=found).version, UUID(bytes=found).variant) == (8, "specified in RFC 4122")


@pytest.mark.parametrize("spelling", ["Ann@Example.org", "ANN@EXAMPLE.ORG"])
def test_capitals_make_no_difference(spelling: str):
    one, other = (contact_id(b"k" * 32, Address(AddressKind.EMAIL, text)) for text in (spelling, "ann@example.org"))
    assert one == other


ADDRESSES = (
    st.sampled_from(["", "+441632960001", "ann@example.org", "Ann@Example.ORG", "strasse@ßig.example"]) | st.text()
)


@given(st.lists(st.builds(Person, phone=ADDRESSES, email=ADDRESSES), max_size=8))
def test_those_of_an_import_are_the_same(persons: list[Person]):
    subjects = [bytes([number]) * 16 for number in range(len(persons))]
    one_by_one = contact_keys(b"k" * 32)
    assert contacts_of(b"k" * 32, persons, subjects) == [
        (one_by_one(kind, value), subject)
        for person, subject in zip(persons, subjects, strict=True)
        for kind, value in addresses_of(person)
    ]
