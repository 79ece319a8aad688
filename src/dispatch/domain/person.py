"""Personal data of one data subject, kept together so that it can be encrypted, masked and erased as one."""

import msgspec


class SlotPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who fills a slot of a company: the holder of a role."""

    position: int  # Of the slot, from 1.
    role: str
    name: str = ""
    email: str = ""
    phone: str = ""
    profile_url: str = ""  # Where they show themselves to their trade, as at LinkedIn.


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who a job is for and how to reach them. Phones are E.164, e-mail addresses are normalised.

    In the ledger a person is `encrypted` and nothing else (ADR 0011); `PersonVault` reads it while its key exists.
    """

    name: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    postcode: str = ""
    notes: str = ""  # Free text of people about people.
    device: str = ""  # The token under which a push service knows their device.
    subject: str = ""  # Of the message to them.
    content: str = ""  # The message itself: what it says is personal too.
    slots: tuple[SlotPerson, ...] = ()  # Of a company: who was found for its roles, in the order of the slots.
    encrypted: bytes = b""


def shape(text: str, limit: int = 80) -> str:
    """The shape of a personal value, never the value: letters become x, digits 9; enough to see what is wrong."""
    return "".join("9" if c.isdigit() else "x" if c.isalpha() else c for c in text[:limit])
