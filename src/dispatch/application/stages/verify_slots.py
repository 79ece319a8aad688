"""Verify slots: can the address that was found for each role be delivered to, and is it the company's? (2.12)"""

from dispatch.application.company import (
    ENRICH,
    NO_EMAIL,
    NOT_FOUND,
    OUTSIDE_COMPANY,
    ROLES,
    SKIPPED,
    VERIFIED,
    VERIFY,
    roles_of,
    texts,
)
from dispatch.application.ports.providers import Providers, Verdict
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Done, Outcome, Progressed
from dispatch.domain.job.events import Output
from dispatch.domain.job.state import Job

WRITABLE = (Verdict.VALID.value, Verdict.RISKY.value, Verdict.UNKNOWN.value)
CONTACT, CONTACT_PHONE, CONTACT_NOBODY = "contact", "phone", "none"


async def verify_slots(task: Task, providers: Providers) -> Outcome:
    """One address at a time. Those about which there is nothing to ask are noted on the way.

    The contact that the row named is looked at where nobody in a slot can be written to, and only then.
    """
    job, so_far = task.job, task.job.outputs.get(VERIFY, {})
    result, service = texts(so_far, "result"), texts(so_far, "service")
    verified_at, is_asked, slots = texts(so_far, "verified_at"), False, len(roles_of(job))
    while len(result) < slots:
        email, why_not = _address(job, len(result) + 1)
        if not why_not and is_asked:
            return Progressed(_output(result, service, verified_at))
        verdict = why_not or (await providers.email_verifier.verdict(email)).value
        is_asked = is_asked or not why_not
        result.append(verdict)
        service.append("" if why_not else task.provider)
        verified_at.append("" if why_not else task.at.isoformat())
    output = _output(result, service, verified_at)
    if any(verdict in WRITABLE for verdict in result):
        return Done(output)
    if job.person.email and is_asked:
        return Progressed(output)
    return Done({**output, CONTACT: await _contact(job, providers)})


async def _contact(job: Job, providers: Providers) -> str:
    """The verdict on the row's own contact; that they have a phone, where the address is no use."""
    verdict = ""
    if job.person.email:
        verdict = (await providers.email_verifier.verdict(job.person.email)).value
    if verdict in WRITABLE:
        return verdict
    return CONTACT_PHONE if job.person.phone else verdict or CONTACT_NOBODY


def _address(job: Job, position: int) -> tuple[str, str]:
    """The address of a slot's person, or why there is nothing to ask about."""
    filled = next((slot for slot in job.person.slots if slot.position == position), None)
    if filled is None:
        return "", NOT_FOUND
    if "@" not in filled.email:
        return "", NO_EMAIL
    return filled.email, "" if is_of_company(filled.email, job.reference) else OUTSIDE_COMPANY


def is_of_company(email: str, website: str) -> bool:
    """Is this a mailbox of the company: at the host of its website, below it or above it?

    Of the company's own mailboxes it is the subscriber, so what it allowed holds for them (PECR regulation 22, PE5).
    A private mailbox is its owner's.
    """
    host, site = email.rpartition("@")[2].casefold(), website.casefold().partition("/")[0].removeprefix("www.")
    above = site.endswith(f".{host}") and host.count(".") >= 1
    return bool(host) and (host == site or host.endswith(f".{site}") or above)


def _output(result: list[str], service: list[str], verified_at: list[str]) -> Output:
    status = [VERIFIED if at else SKIPPED for at in verified_at]
    return {"status": status, "result": result, "service": service, "verified_at": verified_at}


stage = ProviderStage(
    name=VERIFY, after=ENRICH, call=verify_slots, provider="email_verifier", reads_person=True, parts=len(ROLES)
)
