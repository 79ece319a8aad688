"""One contest: ours, peers and limits do the same work in turns (A B C, A B C, ...); medians are compared."""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

Role = Literal["ours", "peer", "limit"]


@dataclass(frozen=True)
class Timed:
    """How much was done in how many seconds, and what else was seen (such as `peak_mb`)."""

    done: int
    seconds: float
    seen: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Contestant:
    """`run` does the whole work once on a database of its own, and times only what is compared."""

    name: str
    role: Role
    run: Callable[[], Timed]
    note: str = ""


@dataclass(frozen=True)
class Goal:
    """Ours is to reach `ratio` times the rate of the fastest of `against`; or `enough` a second, where that is said."""

    ratio: float
    against: tuple[str, ...]
    source: str
    enough: float = float("inf")


@dataclass(frozen=True)
class SeenGoal:
    """What else was seen of ours is to stay below `most`."""

    name: str
    most: float
    source: str


@dataclass(frozen=True)
class Contest:
    """One kind of work, who does it, and what we want."""

    name: str
    unit: str
    about: str
    contestants: Sequence[Contestant]
    goals: Sequence[Goal | SeenGoal] = ()


@dataclass(frozen=True)
class Standing:
    """What came of one contestant: the rates of all rounds, and the medians of what else was seen."""

    contestant: Contestant
    rates: tuple[float, ...]
    seen: dict[str, float]

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


class Stopwatch:
    """Times the block inside `with`; what the measurement before left behind is collected first, not inside."""

    seconds = 0.0

    def __enter__(self) -> "Stopwatch":
        gc.collect()
        self._started = perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds = perf_counter() - self._started


def compare(contest: Contest, rounds: int, tell: Callable[[dict[str, object]], None]) -> list[Standing]:
    """Run everybody once per round; `tell` gets each measurement as it is made."""
    runs: dict[str, list[Timed]] = {contestant.name: [] for contestant in contest.contestants}
    for number in range(1, rounds + 1):
        for contestant in contest.contestants:
            timed = contestant.run()
            runs[contestant.name].append(timed)
            tell(
                {
                    "contest": contest.name,
                    "contestant": contestant.name,
                    "role": contestant.role,
                    "round": number,
                    "done": timed.done,
                    "seconds": round(timed.seconds, 4),
                    "rate": round(timed.done / timed.seconds, 1),
                    "unit": contest.unit,
                    **timed.seen,
                }
            )
    return [_standing(contestant, runs[contestant.name]) for contestant in contest.contestants]


def _standing(contestant: Contestant, runs: list[Timed]) -> Standing:
    seen = {name: statistics.median(timed.seen[name] for timed in runs) for name in runs[0].seen}
    return Standing(contestant, tuple(timed.done / timed.seconds for timed in runs), seen)
