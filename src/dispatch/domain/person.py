"""Personal data of one data subject, kept together so that it can be sealed, masked and erased as one."""

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a job is for and how to reach them. Phones are E.164, e-mail addresses are normalised."""

    name: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    postcode: str = ""
    notes: str = ""  # Free text of people about people.


def shape(text: str, limit: int = 80) -> str:
    """The shape of a personal value, never the value: letters become x, digits 9; enough to see what is wrong."""
    return "".join("9" if c.isdigit() else "x" if c.isalpha() else c for c in text[:limit])
