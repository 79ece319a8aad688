"""Idempotency keys: one per effect, so that a provider that honours them acts once."""


def idempotency_key(job_id: str, stage: str) -> str:
    """One key per effect, the same for every attempt at it: a provider that honours keys acts at most once."""
    return f"{stage}.{job_id}"
