"""A profile: what a kind of file must hold, as data. A file is judged by nothing else."""

from enum import StrEnum

import msgspec

_SEPARATORS = str.maketrans("", "", " \t\u00a0_-./:?")


class Kind(StrEnum):
    """What a value means, and so how it is read."""

    TEXT = "text"
    MONEY = "money"
    DATE = "date"
    PHONE = "phone"
    EMAIL = "email"
    POSTCODE = "postcode"
    CHOICE = "choice"
    YES_NO = "yes_no"
    LAWFUL_BASIS = "lawful_basis"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column: its names, its meaning and where its value goes.

    `to` is a field of the good row (`price_pence`), of its person or permission (`person.name`), or `details`.
    A `required` column must stand in the header and hold a value in every row. Values of a `personal` column are
    never shown, only their shape.
    """

    name: str
    kind: Kind
    to: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    personal: bool = False
    length_max: int = 200  # characters, for text
    pence_min: int = 1
    pence_max: int = 10_000_000
    choices: dict[str, tuple[str, ...]] = {}  # canonical name to other spellings

    def header_keys(self) -> set[str]:
        """Every name under which the column is found in a header, as `column_key` writes it."""
        return {column_key(name) for name in (self.name, *self.aliases)}


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of file. Raise `version` with every change that judges a row differently."""

    name: str
    version: int
    columns: tuple[Column, ...]
    natural_key: str
    route: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.column(self.natural_key).required:
            raise ValueError(f"the natural key {self.natural_key!r} must be a required column")
        names = [name for column in self.columns for name in column.header_keys()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"column names that mean two things: {sorted(twice)}")

    def column(self, name: str) -> Column:
        """The column of this name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def header(self) -> str:
        """The header line of a file of this kind, for messages and templates."""
        return ",".join(column.name for column in self.columns)


def column_key(text: str) -> str:
    """A header or choice without case, spaces and separators: `Job Ref`, `job_ref` and `JOB-REF` are one."""
    return text.translate(_SEPARATORS).casefold()
