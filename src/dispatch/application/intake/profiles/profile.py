"""A profile: what a kind of file must hold, as data. A file is judged by nothing else."""

import re
from enum import StrEnum

import msgspec

from dispatch.domain.consent import Permission

_SEPARATORS = str.maketrans("", "", " \t\u00a0_-./:?")
DETAILS = "details"
OWN = frozenset({"reference", "service", "price_pence"})
"""What every job has of itself."""
TARGETS = (
    OWN
    | {DETAILS}
    | {f"person.{field}" for field in ("name", "email", "phone", "address", "postcode", "notes")}
    | {f"permission.{field}" for field in Permission.__struct_fields__}
)
"""Where the value of a column can go."""
PATTERN_LENGTH_MAX = 100
_UNSAFE = re.compile(r"[*+}?]\)*[*+{?]|\)[*+{]|\\[1-9]|\(\?")
"""Repeated repetitions, groups that repeat, references and look-arounds: what makes Python's engine go back and forth.

What is left, characters and classes with counts and groups of choices, is matched in one pass for each of a bounded
number of ways.
"""


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
    WHOLE_NUMBER = "whole_number"
    WEBSITE = "website"


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column: its names, its meaning and where its value goes.

    `to` is a field of the good row (`price_pence`), of its person or permission (`person.name`), or `details`.
    A `required` column must stand in the header and hold a value in every row. Values of a `personal` column are
    never shown, only their shape. A `pattern` of text is matched as a whole (Python's `re`, without what could hang).
    """

    name: str
    kind: Kind
    to: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    personal: bool = False
    length_max: int = 200  # characters, for text
    pattern: str = ""
    pence_min: int = 1
    pence_max: int = 10_000_000
    number_min: int = 0
    number_max: int = 1_000_000_000
    choices: dict[str, tuple[str, ...]] = {}  # canonical name to other spellings

    def __post_init__(self) -> None:
        if self.to not in TARGETS:
            raise ValueError(f"column {self.name!r} goes to {self.to!r}, which is none of {', '.join(sorted(TARGETS))}")
        if self.to.startswith("person.") and not self.personal:
            raise ValueError(f"column {self.name!r} is of a person: write personal = true")
        if (self.kind is Kind.CHOICE) != bool(self.choices):
            raise ValueError(f"column {self.name!r}: choices belong to the kind choice, and it needs some")
        self._check_pattern()

    def _check_pattern(self) -> None:
        if self.pattern and self.kind is not Kind.TEXT:
            raise ValueError(f"column {self.name!r}: a pattern belongs to the kind text")
        if len(self.pattern) > PATTERN_LENGTH_MAX or _UNSAFE.search(self.pattern):
            raise ValueError(
                f"column {self.name!r}: the pattern could take for ever: at most {PATTERN_LENGTH_MAX} characters, no"
                " repeated groups, no repetition of a repetition, no look-around, no back reference"
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"column {self.name!r}: the pattern is no regular expression: {error}") from None

    def header_keys(self) -> set[str]:
        """Every name under which the column is found in a header, as `column_key` writes it."""
        return {column_key(name) for name in (self.name, *self.aliases)}


class Fixed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What no column brings, because it is the same for every row."""

    service: str = ""
    price_pence: int | None = None

    @property
    def fields(self) -> set[str]:
        """Which of them there are."""
        return ({"service"} if self.service else set()) | ({"price_pence"} if self.price_pence is not None else set())


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of file. Raise `version` with every change that judges a row differently; the older one stays."""

    name: str
    version: int
    columns: tuple[Column, ...]
    natural_key: str
    route: tuple[str, ...]
    at_least_one_of: tuple[tuple[str, ...], ...] = ()  # Of each group of columns a row must fill one.
    fixed: Fixed = Fixed()
    details: dict[str, str] = {}  # Of every job.

    def __post_init__(self) -> None:
        if self.version < 1:
            raise ValueError("the version counts from 1")
        names = [name for column in self.columns for name in column.header_keys()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"column names that mean two things: {sorted(twice)}")
        if not self._known(self.natural_key).required:
            raise ValueError(f"the natural key {self.natural_key!r} must be a required column")
        for group in self.at_least_one_of:
            for name in group:
                if self._known(name).kind in (Kind.YES_NO, Kind.LAWFUL_BASIS):
                    raise ValueError(f"column {name!r} cannot be one of several: an empty cell of it says no")
        if not self.route or len(set(self.route)) < len(self.route):
            raise ValueError("the route names at least one stage, and each stage once")
        self._check_targets()

    def _check_targets(self) -> None:
        taken = [column.to for column in self.columns if column.to != DETAILS]
        if twice := {to for to in taken if taken.count(to) > 1}:
            raise ValueError(f"two columns go to the same place: {', '.join(sorted(twice))}")
        fixed = self.fixed.fields
        if missing := OWN - set(taken) - fixed:
            raise ValueError(f"nothing says what a job's {', '.join(sorted(missing))} is: a column, or [fixed]")
        for column in self.columns:
            if column.to in OWN and column.to in fixed:
                raise ValueError(f"{column.to} is in [fixed] and in column {column.name!r}")
            if column.to in OWN and not column.required:
                raise ValueError(f"column {column.name!r} must be required: every job has a {column.to}")

    def _known(self, name: str) -> Column:
        try:
            return self.column(name)
        except KeyError:
            raise ValueError(f"there is no column {name!r}") from None

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
