"""Idempotency keys: one per effect, so that a provider that honours them acts once."""


def idempotency_key(job_id: str, stage: str, number: int = 1) -> str:
    """One key per effect, the same for every attempt at it: a provider that honours keys acts at most once.

    `number`: of the job's message; the one to the next recipient is another effect.
    """
    return f"{stage}.{job_id}" if number == 1 else f"{stage}.{number}.{job_id}"
