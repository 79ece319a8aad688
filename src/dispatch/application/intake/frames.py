"""Good rows on their way from judging to admission, some hundred at a time, in columns that nobody looks at."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import compress
from typing import Any

import msgspec

from dispatch.application.intake.row import GoodRow
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.person import Person


class GoodColumns(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What `GoodRow` says of rows, beside number and key; what a file does not have is a column of empty values."""

    references: Sequence[str]
    services: Sequence[str]
    prices_pence: Sequence[int]
    names: Sequence[str]
    emails: Sequence[str]
    phones: Sequence[str]
    addresses: Sequence[str]
    postcodes: Sequence[str]
    notes: Sequence[str]
    bases: Sequence[Basis]
    consents_on: Sequence[date | None]
    statements: Sequence[str]
    sale_refs: Sequence[str]
    objected: Sequence[bool]
    details: Sequence[dict[str, str]]

    def persons(self) -> list[Person]:
        """The person of each row."""
        return [
            Person(name=name, email=email, phone=phone, address=address, postcode=postcode, notes=notes)
            for name, email, phone, address, postcode, notes in zip(
                self.names, self.emails, self.phones, self.addresses, self.postcodes, self.notes, strict=True
            )
        ]

    def permissions(self) -> list[Permission]:
        """The permission of each row."""
        return [
            Permission(basis=basis, consent_on=consent_on, statement=statement, sale_ref=sale_ref, objected=objected)
            for basis, consent_on, statement, sale_ref, objected in zip(
                self.bases, self.consents_on, self.statements, self.sale_refs, self.objected, strict=True
            )
        ]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(GoodColumns)
_UNTYPED = msgspec.msgpack.Decoder(list[list[Any]])


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Good rows in their order: their numbers and natural keys, and the columns of the rest in MessagePack.

    Where rows are only counted, nothing is encoded.
    """

    rows: Sequence[int]
    keys: Sequence[str]
    encoded: bytes

    def keep(self, flags: Sequence[bool]) -> "Frame":
        """With these of the rows."""
        if all(flags):
            return self
        rows, keys = list(compress(self.rows, flags)), list(compress(self.keys, flags))
        if not self.encoded:
            return Frame(rows, keys, b"")
        columns = [list(compress(column, flags)) for column in _UNTYPED.decode(self.encoded)]
        return Frame(rows, keys, _ENCODER.encode(columns))

    def cut(self, count: int) -> tuple["Frame", "Frame"]:
        """The first so many rows, and the others."""
        if count == len(self.rows):
            return self, Frame([], [], b"")
        columns = _UNTYPED.decode(self.encoded)
        first, second = ([column[part] for column in columns] for part in (slice(count), slice(count, None)))
        return (
            Frame(self.rows[:count], self.keys[:count], _ENCODER.encode(first)),
            Frame(self.rows[count:], self.keys[count:], _ENCODER.encode(second)),
        )

    def columns(self) -> GoodColumns:
        """The columns of the rows."""
        return _DECODER.decode(self.encoded)

    def good_rows(self) -> list[GoodRow]:
        """The rows themselves."""
        columns = self.columns()
        return [
            GoodRow(
                row=row,
                natural_key=key,
                reference=reference,
                service=service,
                price_pence=price_pence,
                person=person,
                permission=permission,
                details=details,
            )
            for row, key, reference, service, price_pence, person, permission, details in zip(
                self.rows,
                self.keys,
                columns.references,
                columns.services,
                columns.prices_pence,
                columns.persons(),
                columns.permissions(),
                columns.details,
                strict=True,
            )
        ]


def encoded(columns: GoodColumns) -> bytes:
    """These columns as a frame holds them."""
    return _ENCODER.encode(columns)


def chunks_of(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """The same rows in chunks of `size` rows, of which the last may be smaller; frames are cut where it must be."""
    chunk: list[Frame] = []
    room = size
    for frame in frames:
        left = frame
        while len(left.rows) >= room:
            last, left = left.cut(room)
            yield [*chunk, last]
            chunk, room = [], size
        if left.rows:
            chunk.append(left)
            room -= len(left.rows)
    if chunk:
        yield chunk
