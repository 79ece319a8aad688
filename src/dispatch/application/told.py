"""What can be answered for jobs at a stage without asking their provider."""

from collections.abc import Sequence
from datetime import datetime

from dispatch.application.calling.switchboard import Switchboard
from dispatch.application.jobs_in_hand import InHand
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Outcome


def told(stage: ProviderStage, jobs: Sequence[InHand], board: Switchboard, at: datetime) -> dict[str, Outcome]:
    """The outcomes of those for which nobody needs to be asked."""
    if stage.known is None:
        return {}
    found: dict[str, Outcome] = {}
    for one in jobs:
        provider = str(one.job.outputs.get(stage.same_provider_as, {}).get("provider", ""))
        line = board.find(stage.provider, provider)
        if line is not None and (outcome := stage.known(Task(one.job_id, one.job, at, ""), line.spec)) is not None:
            found[one.job_id] = outcome
    return found
