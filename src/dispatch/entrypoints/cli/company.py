"""What `dispatch job show` says of a company: its number, and its slots without the people in them."""

from rich.console import Console

from dispatch.application.company import CompanyShown, Slot
from dispatch.entrypoints.cli.output import facts, table


def show_company(console: Console, company: CompanyShown) -> None:
    """The facts, then one line a slot."""
    known = {
        "company": (company.identifier or "no number yet") + (", known before" if company.known_before else ""),
        "validation": company.validation_notes or "not yet",
        "found": f"{company.found} of {len(company.slots)}",
        "written to": f"{company.chosen} by {company.channel}" if company.chosen else "nobody yet",
    }
    console.print(facts(known), soft_wrap=True)
    shown = table("slot", "role", "type", "person", "source", "e-mail", "checked by", right=("slot",))
    for slot in company.slots:
        chosen = " <" if slot.chosen else ""
        person = slot.status or "not yet"
        shown.add_row(str(slot.position), slot.role + chosen, slot.slot_type, person, slot.source, *_email(slot))
    console.print(shown)


def _email(slot: Slot) -> tuple[str, str]:
    return slot.email_result or "not yet", slot.service
