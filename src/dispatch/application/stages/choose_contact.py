"""Choose contact: to whom of a company the message goes. One is written to, never all of them."""

from dispatch.application.company import CHOOSE, VERIFY, roles_of, texts
from dispatch.application.ports.providers import Channel
from dispatch.application.stages.stage import PureStage, Task
from dispatch.application.stages.verify_slots import CONTACT, CONTACT_PHONE, WRITABLE
from dispatch.domain.job.commands import Done, GiveUp, Outcome


def choose_contact(task: Task) -> Outcome:
    """The first role in order whose address is valid; without one the first that is risky, then the first unknown.

    Whoever was refused is left out. Without any of them the contact that the row named, where it was verified; and
    without that one the company goes before a person.
    """
    verified = task.job.outputs.get(VERIFY, {})
    results = texts(verified, "result")
    gone = {int(one.recipient.partition(" ")[0]) for one in task.job.refused}
    ranked = sorted(
        (WRITABLE.index(result), position)
        for position, result in enumerate(results, 1)
        if result in WRITABLE and position not in gone
    )
    if ranked:
        rank, position = ranked[0]
        role = roles_of(task.job)[position - 1]
        return Done({"position": position, "role": role, "channel": Channel.EMAIL.value, "verdict": WRITABLE[rank]})
    contact = str(verified.get(CONTACT, ""))
    if 0 not in gone and (contact in WRITABLE or contact == CONTACT_PHONE):
        by = Channel.SMS if contact == CONTACT_PHONE else Channel.EMAIL
        return Done({"position": 0, "role": CONTACT, "channel": by.value, "verdict": contact})
    if gone:
        return GiveUp("nobody_left", message="each address that could be written to was refused")
    return GiveUp("nobody_reachable", message="no role has an address that can be written to, nor has the row")


stage = PureStage(name=CHOOSE, after=VERIFY, decide=choose_contact)
