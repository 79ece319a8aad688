"""The register of natural keys in memory: for unit tests and simulations."""

import threading
from collections.abc import Iterable, Sequence


class MemoryNaturalKeys:
    """Implements the port `NaturalKeys`; what it holds is gone with the process."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str], tuple[str, int, int]] = {}
        self._lock = threading.Lock()

    def claim(self, profile: str, batch_id: str, rows: Sequence[tuple[int, str]], *, resets: int = 0) -> set[int]:
        with self._lock:  # Of one call the first row wins, in whatever order they are given.
            return {
                row
                for row, key in sorted(rows)
                if self._owners.setdefault((profile, key), (batch_id, resets, row)) != (batch_id, resets, row)
            }

    def release(self, batch_id: str, kept: Iterable[int], *, resets: int = 0) -> None:
        staying = {(batch_id, resets, row) for row in kept}
        with self._lock:
            self._owners = {
                key: owner for key, owner in self._owners.items() if owner[:2] != (batch_id, resets) or owner in staying
            }

    def known(self, profile: str, keys: Sequence[str]) -> set[str]:
        with self._lock:
            return {key for key in keys if (profile, key) in self._owners}
