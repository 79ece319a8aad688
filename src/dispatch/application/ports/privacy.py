"""The vault of personal data: it can read a person for as long as that person's key exists."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from dispatch.application.ports.ledger import Append
from dispatch.domain.person import Person


class AddressKind(StrEnum):
    """What kind of address a contact is known by."""

    PHONE = "phone"
    EMAIL = "email"
    DEVICE = "device"


class Address(msgspec.Struct, frozen=True):
    """A phone number in E.164, a normalised e-mail address, or a device's token as it came."""

    kind: AddressKind
    value: str


class KeyMissing(Exception):
    """Personal data cannot be read although nobody erased it: the master key is not here. Waiting loses nothing."""


class PersonUnreadable(KeyMissing):
    """One person cannot be read although nobody erased it: the key is gone from the database, or bytes were changed."""


class PersonVault(Protocol):
    """Reads and destroys personal data. All ids of jobs and contacts are UUIDs in text form."""

    def read(self, persons: Mapping[str, Person]) -> dict[str, Person | None]:
        """The persons of these jobs in plain text; None for one who was erased.

        Raises:
            PersonUnreadable: one of them cannot be read; which one is said. Ask for the others without it.
            KeyMissing: the master key is not here.
            LedgerUnavailable: Postgres cannot be reached.
        """
        ...

    def contact_id(self, address: Address) -> str:
        """The id of the contact that has this address: a keyed hash. Raises KeyMissing, LedgerUnavailable."""
        ...

    def jobs_of(self, contact_id: str) -> list[str]:
        """The jobs whose persons can be read and have this address, oldest first. Raises LedgerUnavailable."""
        ...

    def erase(self, record: Append, jobs: Sequence[str]) -> bool:
        """Destroy the keys of these jobs' persons and record that it was done, both or neither.

        False where someone wrote to the contact's stream first: nothing was done. Raises LedgerUnavailable.
        """
        ...
