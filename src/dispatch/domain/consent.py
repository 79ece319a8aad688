"""May this person be written to, on this basis, now? (UK PECR regulations 22-24, acceptance PE.)

Fail closed: what is not shown to be allowed is blocked, with the rule that blocked it.
"""

from datetime import date, timedelta
from enum import StrEnum

import msgspec

CONSENT_LASTS = timedelta(days=2 * 365)
"""Consent degrades with time (ICO guidance; no fixed limit in law): ours expires after two years."""


class Basis(StrEnum):
    """On what ground a message may be sent."""

    CONTRACT = "contract"  # A service message about a job that the person ordered is not marketing (PE12).
    CONSENT = "consent"  # Consent with evidence: when, and to which statement (PE1, PE2).
    SOFT_OPT_IN = "soft_opt_in"  # Details from a sale, similar services, free refusal offered (PE3).
    NONE = "none"


class Permission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What the sender knows of its right to write to a person, as it came with the work."""

    basis: Basis = Basis.NONE
    consent_on: date | None = None
    statement: str = ""  # Which wording was shown: its id and version (PE1).
    sale_ref: str = ""
    objected: bool = False


class Clearance(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's answer and the rule that gave it."""

    allowed: bool
    rule: str
    reason: str = ""


def clear_to_contact(permission: Permission, today: date) -> Clearance:
    """May a message be sent today on this permission? An objection wins over every basis (PE8)."""
    if permission.objected:
        return Clearance(allowed=False, rule="PE8", reason="objected")
    match permission.basis:
        case Basis.CONTRACT:
            return Clearance(allowed=True, rule="PE12")
        case Basis.CONSENT:
            return _consent(permission, today)
        case Basis.SOFT_OPT_IN:
            if not permission.sale_ref:
                return Clearance(allowed=False, rule="PE3", reason="soft_opt_in_without_sale")
            return Clearance(allowed=True, rule="PE3")
        case Basis.NONE:
            return Clearance(allowed=False, rule="PE2", reason="no_lawful_basis")


def _consent(permission: Permission, today: date) -> Clearance:
    if permission.consent_on is None or not permission.statement:
        return Clearance(allowed=False, rule="PE1", reason="consent_without_evidence")
    if permission.consent_on > today:
        return Clearance(allowed=False, rule="PE1", reason="consent_in_the_future")
    if today - permission.consent_on > CONSENT_LASTS:
        return Clearance(allowed=False, rule="PE9", reason="consent_expired")
    return Clearance(allowed=True, rule="PE2")
