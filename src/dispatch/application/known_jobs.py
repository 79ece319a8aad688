"""Jobs as this process has just recorded them: their next step needs no reading.

What is known here may be behind the ledger, never ahead of it. An append that was decided on it names the version it
was decided on, so one that comes too late is a conflict and is decided again on what the ledger holds.
"""

import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import NamedTuple

from dispatch.domain.job.state import Job

JOBS_MAX = 20_000
"""About 2 kB each."""


class KnownJob(NamedTuple):
    """A job as it was recorded, its person as the ledger holds it."""

    job: Job
    version: int
    until: float  # Of the monotonic clock.


class KnownJobs:
    """Forgets a job when it is taken, when others push it out, and after `seconds`: shorter than the time after which
    unfinished work is given to somebody else. Threads may share it.
    """

    def __init__(self, seconds: float, jobs_max: int = JOBS_MAX, now: Callable[[], float] = monotonic) -> None:
        self._seconds, self._jobs_max, self._now = seconds, jobs_max, now
        self._jobs: dict[str, KnownJob] = {}
        self._lock = threading.Lock()

    def keep(self, jobs: Iterable[tuple[str, Job, int]]) -> None:
        """Remember (id, job, version); the oldest go first when it is too many."""
        until = self._now() + self._seconds
        with self._lock:
            for job_id, job, version in jobs:
                self._jobs.pop(job_id, None)
                self._jobs[job_id] = KnownJob(job, version, until)
            while len(self._jobs) > self._jobs_max:
                del self._jobs[next(iter(self._jobs))]

    def take(self, job_ids: Iterable[str]) -> dict[str, KnownJob]:
        """Those of these jobs that are known, and forget them."""
        now = self._now()
        with self._lock:
            taken = {job_id: known for job_id in job_ids if (known := self._jobs.pop(job_id, None))}
        return {job_id: known for job_id, known in taken.items() if known.until > now}
