"""What the stages of company outreach have found out about a company: its number, its slots, whom it is written to."""

from collections.abc import Sequence

import msgspec

from dispatch.domain.job.events import Output
from dispatch.domain.job.state import Job

VALIDATE, PROMOTE, SLOTS, ENRICH, VERIFY, CHOOSE = (
    "validate_company",
    "promote_company",
    "company_slots",
    "enrich_slots",
    "verify_slots",
    "choose_contact",
)
COMPANY_NAME = "company_name"
ROLES = ("CEO", "CFO", "HR Director")
EXECUTIVE = "executive"
COMPLETED, NOT_FOUND = "completed", "not_found"
VERIFIED, SKIPPED = "verified", "skipped"
NO_EMAIL, OUTSIDE_COMPANY = "no_email", "outside_company"


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A slot as anybody may see it: who fills it stays in the ledger. Empty is what was not come to yet."""

    position: int
    role: str
    slot_type: str
    status: str  # completed or not_found.
    source: str
    enriched_at: str
    email_status: str  # verified or skipped.
    email_result: str  # A verdict, or why nobody was asked: not_found, no_email, outside_company.
    service: str
    verified_at: str
    chosen: bool  # Whom the message is for.


class CompanyShown(msgspec.Struct, frozen=True, kw_only=True):
    """A company on its way, without personal data. `chosen` is the role that is written to; `contact`: of the row."""

    identifier: str
    known_before: bool  # The number had been given out for another job of the same company.
    validation_notes: str
    validated_at: str
    found: int
    slots: list[Slot]
    chosen: str
    channel: str


def is_company(job: Job) -> bool:
    """Does this job go the way of company outreach?"""
    return is_route(job.route)


def is_route(route: Sequence[str]) -> bool:
    """Is this the way of company outreach, as it is or was?"""
    return SLOTS in route


def texts(output: Output, name: str) -> list[str]:
    """One value for each slot, in their order, as far as the stage has come."""
    value = output.get(name)
    return list(value) if isinstance(value, list) else []


def roles_of(job: Job) -> list[str]:
    """The roles of the company's slots, in their order."""
    return [slot.partition(" ")[2] for slot in texts(job.outputs.get(SLOTS, {}), "slots")]


def company_shown(job: Job) -> CompanyShown | None:
    """What is known of the company; None for a job that is none."""
    if not is_company(job):
        return None
    validated, promoted, chosen = (job.outputs.get(stage, {}) for stage in (VALIDATE, PROMOTE, CHOOSE))
    return CompanyShown(
        identifier=str(promoted.get("identifier", "")),
        known_before=bool(promoted.get("known_before", False)),
        validation_notes=str(validated.get("validation_notes", "")),
        validated_at=str(validated.get("validated_at", "")),
        found=texts(job.outputs.get(ENRICH, {}), "status").count(COMPLETED),
        slots=_slots(job),
        chosen=str(chosen.get("role", "")),
        channel=str(chosen.get("channel", "")),
    )


def _slots(job: Job) -> list[Slot]:
    opened, enriched, verified, chosen = (job.outputs.get(stage, {}) for stage in (SLOTS, ENRICH, VERIFY, CHOOSE))
    columns = [texts(enriched, name) for name in ("status", "source", "enriched_at")]
    columns += [texts(verified, name) for name in ("status", "result", "service", "verified_at")]
    return [
        Slot(
            position=position,
            role=role,
            slot_type=str(opened.get("slot_type", "")),
            status=_at(columns[0], position),
            source=_at(columns[1], position),
            enriched_at=_at(columns[2], position),
            email_status=_at(columns[3], position),
            email_result=_at(columns[4], position),
            service=_at(columns[5], position),
            verified_at=_at(columns[6], position),
            chosen=chosen.get("position") == position,
        )
        for position, role in enumerate(roles_of(job), 1)
    ]


def _at(column: Sequence[str], position: int) -> str:
    return column[position - 1] if position <= len(column) else ""
