"""Verify: is the address deliverable?"""

from dispatch.application.ports.providers import Providers, Verdict
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Done, GiveUp, Outcome


async def verify(task: Task, providers: Providers) -> Outcome:
    """`unknown` is an answer, not an accident: asking again costs money and changes nothing."""
    email, phone = task.job.person.email, task.job.person.phone
    if not email:
        return Done({"verdict": Verdict.UNKNOWN.value})
    verdict = await providers.email_verifier.verdict(email)
    if verdict is Verdict.INVALID and not phone:
        return GiveUp("undeliverable")
    return Done({"verdict": verdict.value})


stage = ProviderStage(name="verify", after="enrich", call=verify, provider="email_verifier", reads_person=True)
