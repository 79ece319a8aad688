"""Smoke tests of an installation: named cases, each passed or failed, and what it saw."""

import time
from collections.abc import Callable

import msgspec


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case: what it saw where it passed, what is wrong where it failed."""

    name: str
    passed: bool
    says: str
    took_ms: float


class Failed(Exception):
    """What a case found is not what it must be."""


class NotSetUp(Exception):
    """The test could not begin, or not clean up behind itself: nothing is said of the installation."""


def run_case(name: str, check: Callable[[], str], *expected: type[Exception]) -> Case:
    """Run one case. `Failed` and the `expected` errors fail it; others are bugs, or `NotSetUp`."""
    failures: tuple[type[Exception], ...] = (Failed, *expected)
    started = time.perf_counter()
    try:
        passed, says = True, check()
    except failures as error:
        lines = str(error).strip().splitlines()
        passed, says = False, lines[0] if lines else type(error).__name__
    return Case(name=name, passed=passed, says=says, took_ms=round((time.perf_counter() - started) * 1000, 1))
