"""The sealer's role: seals what comes, copies checkpoints out, raises alarms, and outlives what it cannot seal."""

import asyncio
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from dispatch.adapters.seal.exports import CheckpointFolder
from dispatch.adapters.seal.sealer import Sealer
from dispatch.entrypoints.roles import sealer as role
from dispatch.entrypoints.sealing import Sealing

pytestmark = pytest.mark.postgres


async def until(true: Callable[[], object], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)


async def test_it_seals_exports_and_copies_the_last_checkpoint_out_when_it_stops(
    sealer: Sealer, grow, exports: CheckpointFolder, superuser, monkeypatch
):
    monkeypatch.setattr(role, "SEAL_EVERY_S", 0.05)
    over = asyncio.Event()

    def sealed() -> int:
        return superuser.execute("SELECT coalesce(max(size), 0) FROM ledger.seal_checkpoints").fetchone()[0]

    grow(3)
    playing = asyncio.create_task(role._seal(sealer, 3_600.0, over))
    await until(lambda: exports.latest() is not None)
    grow(2)
    await until(lambda: sealed() == 5)
    assert exports.latest().size == 3  # Its interval is not over.
    over.set()
    await playing
    assert [one.size for one in exports.all()] == [3, 5]


@pytest.fixture
def steps(sealer: Sealer, grow, monkeypatch) -> list[int]:
    """What each step sealed; behind each of them somebody appends."""
    steps, seal = [], sealer.step

    def step_and_grow() -> int:
        steps.append(seal())
        assert len(steps) < 20, "it steps on and on"
        grow(1)
        return steps[-1]

    monkeypatch.setattr(sealer, "step", step_and_grow)
    return steps


async def test_under_a_load_that_never_ends_checkpoints_are_few_and_are_copied_out(
    sealer: Sealer, grow, exports: CheckpointFolder, steps
):
    over = asyncio.Event()
    grow(3)
    playing = asyncio.create_task(role._seal(sealer, 3_600.0, over))
    try:
        await until(lambda: exports.latest() is not None)
        assert steps == [3]
    finally:
        over.set()
        await playing


def test_whoever_asks_for_a_checkpoint_now_gets_it_under_a_load_that_never_ends(
    sealer: Sealer, grow, seal_key, exports: CheckpointFolder, steps
):
    grow(3)
    Sealing(seal_key, sealer, evidence=None).sign_now()
    assert steps == [3]
    assert exports.latest().size == 3


async def test_what_cannot_be_sealed_is_an_alarm_and_not_the_end(sealer: Sealer, grow, superuser, monkeypatch):
    monkeypatch.setattr(role, "SEAL_EVERY_S", 0.05)
    monkeypatch.setattr(role, "PAUSE_AFTER_REFUSAL_S", 0.05)
    grow(3)
    sealer.step()
    [note] = superuser.execute("SELECT note FROM ledger.seal_checkpoints").fetchone()
    superuser.execute("UPDATE ledger.seal_checkpoints SET note = 'forged'")
    sealer.close()
    over = asyncio.Event()
    with capture_logs() as logs:
        playing = asyncio.create_task(role._seal(sealer, 3_600.0, over))
        await until(lambda: [line for line in logs if line["event"] == "seal.refused"])
        superuser.execute("UPDATE ledger.seal_checkpoints SET note = %s", (note,))
        grow(2)
        await until(lambda: superuser.execute("SELECT max(size) FROM ledger.seal_checkpoints").fetchone() == (5,))
        over.set()
        await playing
    assert {line["log_level"] for line in logs if line["event"] == "seal.refused"} == {"error"}
