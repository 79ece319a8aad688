"""A profile proposed from a file: each column's kind by what fits its values, and why. No value of the file is told."""

import re
from collections.abc import Sequence
from math import ceil

import msgspec

from dispatch.application.intake.fields import ValueRefused, reader_of
from dispatch.application.intake.profiles import SHELF, Column, Kind, Profile, column_key
from dispatch.application.intake.profiles.profile import DETAILS, OWN, Fixed
from dispatch.application.intake.sample import Sample

FITS_FROM = 0.9
"""A kind is proposed when at least so many of a column's values are of it."""
CHOICES_MAX = 20
ROUTE = ("validate", "promote", "slots", "enrich", "verify", "clear", "dispatch", "confirm")
_TRIED = (
    Kind.LAWFUL_BASIS,
    Kind.YES_NO,
    Kind.EMAIL,
    Kind.POSTCODE,
    Kind.DATE,
    Kind.PHONE,
    Kind.WHOLE_NUMBER,
    Kind.MONEY,
    Kind.WEBSITE,
)
"""The narrowest first: what is a whole number is money too."""
_MONEY_WORDS = re.compile(r"price|amount|cost|fee|total|value|£|gbp", re.IGNORECASE)
_PERSONAL_WORDS = re.compile(r"name|customer|client|contact|person|address|street|note|comment|remark|birth|dob", re.I)
_OF_A_PERSON = {Kind.EMAIL: "person.email", Kind.PHONE: "person.phone", Kind.POSTCODE: "person.postcode"}


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A column as it is proposed, and what speaks for it."""

    header: str
    column: Column
    filled: int
    fitting: int
    distinct: int
    known_as: str = ""  # The profile that knows this header.

    @property
    def confidence(self) -> float:
        """The share of the values that fit, from 0 to 1."""
        return self.fitting / self.filled if self.filled else 0.0


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A profile, what each column was taken for, and which columns could be the natural key."""

    profile: Profile
    rows: int
    guesses: tuple[Guess, ...]
    natural_keys: tuple[str, ...]


def infer(sample: Sample, name: str) -> Proposal:
    """Propose a profile for files like this one.

    Raises:
        ValueError: no column tells one row from another, so there is no natural key.
    """
    columns = list(zip(*sample.rows, strict=True))
    guesses = [_guess(header, cells) for header, cells in zip(sample.header, columns, strict=True)]
    keys = [guess for guess in guesses if guess.distinct == guess.filled == len(sample.rows)]
    if not keys:
        raise ValueError("no column is filled in every row and different in each: add a reference to the rows")
    key = min(keys, key=lambda guess: (guess.column.to != "reference", guess.column.personal))
    placed = _placed(guesses, key)
    to = {guess.column.to for guess in placed}
    fixed = Fixed(
        service="" if "service" in to else name.replace("-", "_"), price_pence=None if "price_pence" in to else 0
    )
    profile = Profile(
        name=name,
        version=1,
        natural_key=next(guess.column.name for guess in placed if guess.column.to == "reference"),
        route=ROUTE,
        columns=tuple(guess.column for guess in placed),
        fixed=fixed,
        details={} if "price_pence" in to else {"template": f"{name.replace('-', '_')}.v1"},
    )
    names = {guess.header: guess.column.name for guess in placed}
    return Proposal(
        profile=profile,
        rows=len(sample.rows),
        guesses=tuple(placed),
        natural_keys=tuple(names[guess.header] for guess in keys),
    )


def _guess(header: str, cells: Sequence[str]) -> Guess:
    texts = [" ".join(cell.split()) for cell in cells]
    filled = [text for text in texts if text]
    distinct = len(set(filled))
    known, of = _known(header)
    if known is not None and _fitting(known, filled) >= FITS_FROM * len(filled):
        column = msgspec.structs.replace(known, aliases=_aliases(header, known), required=len(filled) == len(cells))
        counted = {"filled": len(filled), "fitting": _fitting(column, filled), "distinct": distinct}
        return Guess(header=header, column=column, known_as=of, **counted)
    name = _slug(header)
    kind, fitting = _kind(header, filled)
    is_personal = kind in _OF_A_PERSON or (kind is Kind.TEXT and bool(_PERSONAL_WORDS.search(header)))
    options: dict[str, object] = {}
    is_choice = kind is Kind.TEXT and not is_personal and 1 < distinct <= min(CHOICES_MAX, len(filled) // 10)
    if is_choice:
        kind, options = Kind.CHOICE, {"choices": dict.fromkeys(sorted(set(filled)), ())}
    elif kind is Kind.TEXT:
        options = {"length_max": max(20, ceil(max(map(len, filled), default=0) * 1.5 / 10) * 10)}
    elif kind is Kind.WHOLE_NUMBER:
        numbers = [int(text.replace(",", "")) for text in filled if text.replace(",", "").isdecimal()]
        options = {"number_max": max(1_000_000_000, *numbers)}
    column = Column(
        name=name,
        kind=kind,
        to=DETAILS,
        aliases=() if column_key(name) == column_key(header) else (header,),
        required=len(filled) == len(cells),
        personal=is_personal,
        **options,  # type: ignore[arg-type]
    )
    return Guess(header=header, column=column, filled=len(filled), fitting=fitting, distinct=distinct)


def _placed(guesses: Sequence[Guess], key: Guess) -> list[Guess]:
    """Where each value goes: nowhere twice, and what a job needs from the best column for it."""
    taken: set[str] = set()
    price = next((guess for guess in guesses if guess.column.to == "price_pence"), None) or next(
        (guess for guess in guesses if guess.column.kind is Kind.MONEY and guess is not key), None
    )
    placed = []
    for guess in guesses:
        column = guess.column
        if guess is key:
            to = "reference"
        elif guess is price:
            to = "price_pence"
        elif column.to in OWN - {"service"} or column.to in taken:
            to = DETAILS
        elif column.to == DETAILS and column.kind in _OF_A_PERSON:
            to = _OF_A_PERSON[column.kind]
        else:
            to = column.to
        to = DETAILS if to in taken else to
        taken |= {to} - {DETAILS}
        needed = column.required or to in OWN
        personal = column.personal and to not in OWN
        placed.append(
            msgspec.structs.replace(
                guess, column=msgspec.structs.replace(column, to=to, required=needed, personal=personal)
            )
        )
    return placed


def _known(header: str) -> tuple[Column | None, str]:
    """The column of a profile at hand that this header means."""
    for profile in SHELF.all():
        for column in profile.columns:
            if column_key(header) in column.header_keys():
                return column, profile.name
    return None, ""


def _aliases(header: str, known: Column) -> tuple[str, ...]:
    others = tuple(alias for alias in known.aliases if column_key(alias) != column_key(header))
    return others if column_key(header) == column_key(known.name) else (header, *others)


def _kind(header: str, filled: Sequence[str]) -> tuple[Kind, int]:
    for kind in _TRIED:
        fitting = _fitting(Column(name="x", kind=kind, to=DETAILS), filled)
        if filled and fitting >= FITS_FROM * len(filled):
            if kind is Kind.WHOLE_NUMBER and _MONEY_WORDS.search(header):
                continue
            return kind, fitting
    return Kind.TEXT, len(filled)


def _fitting(column: Column, filled: Sequence[str]) -> int:
    read, fitting = reader_of(column), 0
    for text in filled:
        try:
            read(text)
        except ValueRefused:
            continue
        fitting += 1
    return fitting


def _slug(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", header.casefold()).strip("_") or "column"
