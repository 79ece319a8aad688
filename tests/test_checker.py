"""The checker bites: it passes what the real rules make, and each doctored history is caught by its invariant."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from checker import Stored, check
from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.domain.events import event_name
from dispatch.domain.identity import batch_id
from examples import NOON
from histories import World

B, J = batch_id("ab" * 32), "019aaf6c-1c00-83f2-8c1e-7a4d00000001"
KEY = f"dispatch.{J}"
ROUTE = ["verify", "clear", "dispatch", "confirm"]


def of_job(name: str, **fields: Any) -> tuple[str, str, dict[str, Any]]:
    return J, name, {"job_id": J, "at": NOON.isoformat(), **fields}


def of_batch(name: str, **fields: Any) -> tuple[str, str, dict[str, Any]]:
    return B, name, {"batch_id": B, "at": NOON.isoformat(), **fields}


def completed(stage: str, next_stage: str, attempt: int = 1) -> tuple[str, str, dict[str, Any]]:
    return of_job("StageCompleted", stage=stage, next_stage=next_stage, attempt=attempt)


GOOD = [
    of_batch("BatchReceived"),
    of_batch("BatchJudged", rows=3, accepted=1, rejected=1, duplicates=1),
    of_batch("ChunkAdmitted", chunk=1, row_through=3, jobs=1, duplicates=0),
    of_job("JobOpened", batch_id=B, route=ROUTE),
    of_batch("BatchAdmitted", jobs=1),
    completed("verify", "clear"),
    completed("clear", "dispatch"),
    of_job("StageStarted", stage="dispatch", attempt=1, idempotency_key=KEY),
    of_job("StageFailed", stage="dispatch", attempt=1),
    of_job("RetryScheduled", stage="dispatch", attempt=2, due_at=(NOON + timedelta(seconds=1)).isoformat()),
    of_job("StageStarted", stage="dispatch", attempt=2, idempotency_key=KEY),
    completed("dispatch", "confirm", 2),
    completed("confirm", ""),
    of_job("JobDelivered"),
    of_batch("BatchClosed", outcome="complete_with_exceptions", delivered=1, blocked=0, cancelled=0),
]


def stored(events: list[tuple[str, str, dict[str, Any]]]) -> list[Stored]:
    versions: dict[str, int] = {}
    rows = []
    for position, (stream, name, event) in enumerate(events, 1):
        versions[stream] = versions.get(stream, 0) + 1
        rows.append(Stored(position, stream, versions[stream], name, event, B, f"c{position}"))
    return rows


def changed(at: int, **fields: Any) -> Callable[[list[Any]], list[Any]]:
    """The event at this place says something else."""

    def change(events: list[Any]) -> list[Any]:
        stream, name, event = events[at]
        return [*events[:at], (stream, name, event | fields), *events[at + 1 :]]

    return change


def without(*places: int) -> Callable[[list[Any]], list[Any]]:
    return lambda events: [event for at, event in enumerate(events) if at not in places]


def swapped(one: int, other: int) -> Callable[[list[Any]], list[Any]]:
    def swap(events: list[Any]) -> list[Any]:
        events = list(events)
        events[one], events[other] = events[other], events[one]
        return events

    return swap


def with_more(at: int, *more: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda events: [*events[:at], *more, *events[at:]]


OTHER = "019aaf6c-1c00-83f2-8c1e-7a4d00000002"
DOCTORED = {
    "a stage that was left out": ("I3", without(5)),
    "a job that is delivered twice": ("I3", with_more(14, GOOD[13])),
    "a failure without what comes of it": ("I3", without(9)),
    "an attempt number that repeats": ("I3", changed(10, attempt=1)),
    "a route that is not followed": ("I3", changed(5, next_stage="dispatch")),
    "a batch that is admitted before it is judged": ("I3", swapped(1, 2)),
    "a job that goes on after its end": ("I3", with_more(14, completed("confirm", ""))),
    "an effect without a start": ("I6", without(10)),
    "a failure without a start": ("I6", without(7)),
    "an attempt with two keys": ("I6", changed(10, idempotency_key="another")),
    "a start that is recorded twice": ("I6", with_more(8, GOOD[7])),
    "a job that is still open": ("I5", without(13, 14)),
    "rows that are not accounted for": ("I9", changed(1, rows=4)),
    "a job too few": ("I9", changed(2, jobs=2)),
    "a batch that closed too early": ("I9", swapped(13, 14)),
    "a batch that closed otherwise": ("I9", changed(14, delivered=0)),
    "a send that nobody cleared": ("I10", lambda events: [*without(6)(changed(5, next_stage="dispatch")(events))]),
    "a send to an erased person": ("I10", with_more(7, ("c", "SubjectErased", {"contact_id": "c", "jobs": [J]}))),
}


def test_a_good_history_passes():
    assert check(stored(GOOD), now=NOON + timedelta(hours=1), at_rest=True, effects={KEY: 1}) == []


@pytest.mark.parametrize("name", DOCTORED)
def test_a_doctored_history_is_caught(name: str):
    invariant, doctor = DOCTORED[name]
    found = check(stored(doctor(GOOD)), at_rest=True)
    assert invariant in {violation.invariant for violation in found}, found


def test_a_lost_and_a_moved_row_are_caught():
    rows = stored(GOOD)
    assert next(violation.invariant for violation in check(rows[:5] + rows[6:], at_rest=True)) == "I2"
    moved = [*rows[:5], rows[6], rows[5], *rows[7:]]
    assert {"I2", "I4"} <= {violation.invariant for violation in check(moved)}


def test_a_command_that_recorded_twice_is_caught():
    rows = stored(GOOD)
    rows[12] = rows[12]._replace(command_id=rows[5].command_id)
    assert {violation.invariant for violation in check(rows)} == {"I7"}


def test_an_overdue_job_is_caught_and_one_that_is_due_later_is_not():
    waiting = stored(GOOD[:10])
    assert check(waiting, now=NOON + timedelta(seconds=60)) == []
    assert {violation.invariant for violation in check(waiting, now=NOON + timedelta(seconds=62))} == {"I5"}


def test_effects_that_nobody_started_and_second_effects_are_caught():
    assert {violation.what for violation in check(stored(GOOD), effects={KEY: 2, "stray": 1})} == {
        "2 effects under one key",
        "a provider acted under a key that no recorded start has",
    }
    two = [*GOOD, (OTHER, "JobOpened", {"job_id": OTHER, "batch_id": B, "route": ["dispatch"]})]
    start = {"job_id": OTHER, "stage": "dispatch", "attempt": 1, "idempotency_key": KEY}
    found = check(stored([*two, (OTHER, "StageStarted", start)]))
    assert (OTHER, f"the key {KEY} belongs to {J}") in {(each.stream, each.what) for each in found}


@pytest.mark.parametrize("seed", range(20))
def test_what_the_real_rules_make_passes(seed: int):
    """But for starts: this world lets some sends be recorded without one, which no worker does."""
    ledger = MemoryLedger()
    for _ in World(ledger, seed).history(batches=3, steps=300):
        pass
    rows = [
        Stored(
            record.position,
            record.stream,
            record.version,
            event_name(record.event),
            msgspec.to_builtins(record.event),
            record.correlation_id,
            record.causation_id,
        )
        for record in ledger.read(0, 100_000)
    ]
    found = check(rows)
    assert len(rows) > 30
    assert [violation for violation in found if "without a recorded start" not in violation.what] == []
