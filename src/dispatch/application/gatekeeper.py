"""Tells a process what is closed, from a look at the gates that is half a second old at most."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic

from dispatch.application.ports.gates import Gate, Gates, gate_key
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.domain.control.events import PauseScope

LOOK_EVERY_S = 0.5

Park = Callable[[Sequence[tuple[str, str, str]]], None]
"""Keeps these jobs (id, stage, batch) until their batch is open, and has them published then."""


class Gatekeeper:
    """May be asked from any thread; all but `providers` may wait for Postgres. Without an answer the last one counts.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, gates: Gates, park: Park, clock: Callable[[], float] = monotonic) -> None:
        self._gates, self._park, self._clock = gates, park, clock
        self._closed: Mapping[str, Gate] = {}
        self._looked_at = float("-inf")

    @property
    def is_fresh(self) -> bool:
        """Would an answer come without a look at Postgres?"""
        return self._clock() - self._looked_at < LOOK_EVERY_S

    def stage(self, name: str) -> Gate | None:
        """What keeps this stage from being worked at."""
        return self._first(gate_key(PauseScope.EVERYTHING), gate_key(PauseScope.STAGE, name))

    def intake(self) -> Gate | None:
        """What keeps batches from being taken in."""
        return self._first(gate_key(PauseScope.EVERYTHING), gate_key(PauseScope.INTAKE))

    def batch(self, batch_id: str) -> Gate | None:
        """What keeps the jobs of this batch from being worked at."""
        return self._first(gate_key(PauseScope.BATCH, batch_id))

    def providers(self) -> Mapping[str, str]:
        """The paused providers as of the last look, each with a code that says so; never waits."""
        prefix = gate_key(PauseScope.PROVIDER, "x")[:-1]
        names = [key.removeprefix(prefix) for key in self._closed if key.startswith(prefix)]
        return {name: f"provider_paused:{name}" for name in names}

    def look(self) -> Mapping[str, Gate]:
        """Every closed gate."""
        if not self.is_fresh:
            with suppress(LedgerUnavailable):  # Nobody can record anything now either.
                self._closed = self._gates.closed()
            self._looked_at = self._clock()
        return self._closed

    def park(self, jobs: Sequence[tuple[str, str, str]]) -> None:
        """Lay these jobs (id, stage, batch) aside until their batch is open. Raises LedgerUnavailable."""
        if jobs:
            self._park(jobs)

    def _first(self, *keys: str) -> Gate | None:
        closed = self.look()
        return next((closed[key] for key in keys if key in closed), None)
