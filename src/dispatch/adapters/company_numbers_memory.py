"""The register of companies and their numbers, in memory."""

import threading
from collections.abc import Sequence

from dispatch.application.ports.registers import CompanyNumber

NUMBER_MAX = 99_999


class MemoryCompanyNumbers:
    """Implements the port `CompanyNumbers` for one process."""

    def __init__(self, number_max: int = NUMBER_MAX) -> None:
        self._given: dict[str, CompanyNumber] = {}
        self._number_max, self._lock = number_max, threading.Lock()

    def allocate(self, asked: Sequence[tuple[str, str]]) -> dict[str, CompanyNumber | None]:
        with self._lock:
            for job_id, company in asked:
                if company not in self._given and len(self._given) < self._number_max:
                    self._given[company] = CompanyNumber(len(self._given) + 1, job_id)
            return {job_id: self._given.get(company) for job_id, company in asked}
