"""What callers ask for, as JSON, read field by field: every fault of an item is told, with where it is."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from dispatch.application.erase import AddressInvalid, read_address
from dispatch.application.ports.privacy import AddressKind
from dispatch.application.ports.providers import Channel
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.notification import CONTENT_MAX, SUBJECT_MAX, Purpose, is_ground_for
from dispatch.domain.person import Person

FIELDS = frozenset(
    ("channel", "to", "content", "subject", "name", "kind", "permission", "priority", "scheduledAt", "reference")
) | {"idempotencyKey"}
PERMISSION_FIELDS = frozenset({"basis", "consentOn", "statement", "saleRef", "objected"})
KEY_MAX, REFERENCE_MAX, NAME_MAX, DEVICE_MAX = 200, 100, 200, 4096
"""Characters."""

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNFIT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters; where the text is of lines, tabs and line breaks are none."""

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


class Fault(msgspec.Struct, frozen=True):
    """One field that is wrong: a JSON pointer (RFC 6901) in a URI fragment, and what belongs there."""

    pointer: str
    detail: str


class Faulty(Exception):
    """A notification that cannot be taken, with every fault of it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


class NotificationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A notification as it is asked for, every value read and fit to be recorded."""

    channel: Channel
    person: Person
    purpose: Purpose
    permission: Permission
    priority: JobPriority = JobPriority.NORMAL
    scheduled_at: datetime | None = None
    reference: str = ""
    idempotency_key: str = ""


def read_notification(raw: object, pointer: str = "#", idempotency_key: str = "") -> NotificationRequest:
    """The notification that this JSON value is; `idempotency_key` counts where the item has none of its own.

    Raises:
        Faulty: with all its faults, each under `pointer`.
    """
    fields = _Fields(raw, pointer)
    fields.refuse_others(FIELDS)
    channel = fields.choice("channel", Channel, required=True)
    purpose = fields.choice("kind", Purpose, required=True)
    priority = fields.choice("priority", JobPriority) or JobPriority.NORMAL
    person = replace(
        _addressed(fields, channel),
        name=fields.text("name", NAME_MAX),
        subject=fields.text("subject", SUBJECT_MAX),
        content=fields.text("content", CONTENT_MAX[channel] if channel else max(CONTENT_MAX.values()), lines=True),
    )
    if not person.content:
        fields.fault("content", "is required: the message itself")
    if person.subject and channel and channel is not Channel.EMAIL:
        fields.fault("subject", "belongs to an e-mail; leave it out")
    own_key = fields.text("idempotencyKey", KEY_MAX)
    if own_key and idempotency_key and own_key != idempotency_key and pointer == "#":
        fields.fault("idempotencyKey", "differs from the header Idempotency-Key: send one of them")
    reference, scheduled_at = fields.text("reference", REFERENCE_MAX), fields.moment("scheduledAt")
    permission = _permission(fields, purpose)
    if fields.faults or channel is None or purpose is None:
        raise Faulty(fields.faults)
    return NotificationRequest(
        channel=channel,
        person=person,
        purpose=purpose,
        permission=permission,
        priority=priority,
        scheduled_at=scheduled_at,
        reference=reference,
        idempotency_key=own_key or idempotency_key,
    )


def _addressed(fields: "_Fields", channel: Channel | None) -> Person:
    text = fields.text("to", DEVICE_MAX)
    if not text:
        fields.fault("to", "is required: a UK phone number, an e-mail address, or a device's token")
    if not text or channel is None:
        return Person()
    try:
        match channel:
            case Channel.SMS:
                return Person(phone=read_address(AddressKind.PHONE, text).value)
            case Channel.EMAIL:
                return Person(email=read_address(AddressKind.EMAIL, text).value)
            case Channel.PUSH:
                return Person(device=read_address(AddressKind.DEVICE, text).value)
    except AddressInvalid as invalid:
        fields.fault("to", str(invalid.args[0]))
        return Person()


def _permission(fields: "_Fields", purpose: Purpose | None) -> Permission:
    given = fields.inner("permission")
    if given is None:
        fields.fault("permission", 'is required: on what ground the person is written to, as {"basis": "contract"}')
        return Permission()
    given.refuse_others(PERMISSION_FIELDS)
    basis = given.choice("basis", Basis, required=True, without=Basis.NONE)
    if basis and purpose and not is_ground_for(basis, purpose):
        given.fault("basis", "a contract carries service messages only: marketing needs consent or soft_opt_in")
    return Permission(
        basis=basis or Basis.NONE,
        consent_on=given.day("consentOn"),
        statement=given.text("statement", NAME_MAX),
        sale_ref=given.text("saleRef", NAME_MAX),
        objected=given.flag("objected"),
    )


class _Fields:
    """The fields of one JSON object; what is wrong with them is gathered."""

    def __init__(self, raw: object, pointer: str, faults: list[Fault] | None = None) -> None:
        self.faults: list[Fault] = [] if faults is None else faults
        self._pointer = pointer
        self._raw: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
        if not isinstance(raw, dict):
            self.faults.append(Fault(pointer, "must be an object"))

    def fault(self, name: str, detail: str) -> None:
        """Once for each field: what comes of a fault is none of its own."""
        pointer = f"{self._pointer}/{name}"
        if all(fault.pointer != pointer for fault in self.faults):
            self.faults.append(Fault(pointer, detail))

    def refuse_others(self, known: frozenset[str]) -> None:
        """A field that is not known is a misspelt one: a misspelt time would send at once."""
        for name in self._raw.keys() - known:
            shown = name[:60].replace("~", "~0").replace("/", "~1")
            self.fault(shown, f"is not known; known are {', '.join(sorted(known))}")

    def text(self, name: str, characters_max: int, *, lines: bool = False) -> str:
        value = self._raw.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fault(name, "must be text")
            return ""
        value = value.strip()
        if len(value) > characters_max:
            self.fault(name, f"has {len(value):,} characters; at most {characters_max:,}")
            return value[:characters_max]
        if (_UNFIT_LINES if lines else _UNFIT).search(value):
            self.fault(name, "holds control characters" + ("" if lines else " or line breaks"))
            return ""
        return value

    def choice(self, name: str, kind: type[E], *, required: bool = False, without: E | None = None) -> E | None:
        known = [choice.value for choice in kind if choice is not without]
        value = self._raw.get(name)
        if value is None and not required:
            return None
        if isinstance(value, str) and value.lower() in known:
            return kind(value.lower())
        self.fault(name, f"must be one of {', '.join(known)}")
        return None

    def moment(self, name: str) -> datetime | None:
        """A time with its offset: without one nobody knows when that is."""
        read = self._read(name, datetime.fromisoformat, "a time with an offset, like 2026-11-23T12:00:00Z")
        if read is not None and read.tzinfo is None:
            self.fault(name, "must say its offset, like 2026-11-23T12:00:00Z")
            return None
        try:
            return read.astimezone(UTC) if read else None
        except OverflowError:
            self.fault(name, "must be a time of the years 2 to 9998")
            return None

    def day(self, name: str) -> date | None:
        return self._read(name, date.fromisoformat, "a date like 2026-01-31")

    def flag(self, name: str) -> bool:
        value = self._raw.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(name, "must be true or false")
        return False

    def inner(self, name: str) -> "_Fields | None":
        value = self._raw.get(name)
        if value is not None and not isinstance(value, dict):
            self.fault(name, "must be an object")
        return _Fields(value, f"{self._pointer}/{name}", self.faults) if isinstance(value, dict) else None

    def _read(self, name: str, read: Callable[[str], T], wanted: str) -> T | None:
        value = self._raw.get(name)
        if value is None:
            return None
        try:
            return read(value)
        except (ValueError, TypeError):
            self.fault(name, f"must be {wanted}")
            return None
