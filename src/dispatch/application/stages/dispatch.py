"""Dispatch: the message of the job's route goes to its person, once."""

from dispatch.application.ports.providers import Providers
from dispatch.application.routes import route_for
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Done, GiveUp, Outcome
from dispatch.domain.job.recipients import REFUSED_BEFORE
from dispatch.domain.job.state import Job


async def dispatch(task: Task, providers: Providers) -> Outcome:
    """Send under the job's one key: a provider that honours keys sends at most once, however often we ask."""
    route = route_for(task.job)
    message = route.message(task)
    if task.job.refused and message.to.casefold() in route.refused(task.job):
        return GiveUp(REFUSED_BEFORE)
    message_id = await providers.notifier.send(message)
    return Done({"message_id": message_id, "channel": message.channel.value})


def channel_of(job: Job) -> str:
    """By which channel the job's message goes."""
    return route_for(job).channel(job).value


stage = ProviderStage(
    name="dispatch",
    after="clear",
    call=dispatch,
    provider="notifier",
    channel=channel_of,
    acts=True,
    reads_person=True,
)
