"""What a job wants of the providers at a stage: workers ask for it, and whoever explains why it waits asks the same."""

from dispatch.application.calling.switchboard import Wanted
from dispatch.application.stages.stage import ProviderStage
from dispatch.domain.job.state import Job


def wanted(stage: ProviderStage, job_id: str, job: Job, *, in_doubt: bool, tenant: str = "") -> Wanted:
    """By its channel, and bound to whoever has, or may have, acted for it before."""
    bound_to = job.provider if in_doubt else ""
    if stage.same_provider_as:
        bound_to = str(job.outputs.get(stage.same_provider_as, {}).get("provider", ""))
    channel = stage.channel(job) if stage.channel else ""
    return Wanted(job_id, channel, job.passed_over, tenant if stage.acts else "", bound_to)
