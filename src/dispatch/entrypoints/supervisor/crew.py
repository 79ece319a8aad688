"""The crew of a role: as many processes of it as are wanted at the moment, `worker-1` to `worker-N`."""

from collections.abc import Callable
from itertools import count, islice

import structlog

from dispatch.entrypoints.supervisor.children import Children

log = structlog.get_logger(__name__)


class Crew:
    """`wanted` may be set from any thread; `fit` starts and retires, on the thread that keeps the children."""

    def __init__(
        self, role: str, wanted: int, children: Children, start: Callable[[str, str], None], grace_s: float
    ) -> None:
        """`start` takes the name of a process and the role that it is to play."""
        self.role, self.wanted = role, wanted
        self._children, self._start, self._grace_s = children, start, grace_s

    def fit(self) -> None:
        """Start whoever is missing under the lowest free numbers, and let the highest numbers go."""
        wanted, here = self.wanted, self._numbers(self._children.staying())
        if len(here) == wanted:
            return
        log.info("crew.scaled", role=self.role, processes=wanted, before=len(here))
        for number in here[wanted:]:
            self._children.retire(self._name(number), self._grace_s)
        taken = set(self._numbers(self._children.names()))
        for number in islice((n for n in count(1) if n not in taken), max(0, wanted - len(here))):
            self._start(self._name(number), self.role)

    def _numbers(self, names: set[str]) -> list[int]:
        prefix = self._name("")
        return sorted(int(name.removeprefix(prefix)) for name in names if name.startswith(prefix))

    def _name(self, number: int | str) -> str:
        return f"{self.role}-{number}"
