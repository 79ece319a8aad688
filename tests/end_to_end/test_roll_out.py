"""The full batch of the plan to roll out: 262 rows, nobody helps, and what was promised against schedules holds."""

from collections import Counter
from pathlib import Path

import pytest

from dispatch.application.account import account
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.domain.batch.events import BatchClosed, BatchReceived
from dispatch.domain.job.events import (
    EscalationAssigned,
    JobEscalated,
    JobOpened,
    JobResumed,
    StageCompleted,
    StageFailed,
    StageStarted,
)
from end_to_end.running import eventually, make_jobs_file, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]
ROWS = 262
HANDLED_WITHIN_S = 2.0
END_TO_END_S = 300.0
PER_HOUR = 300


@pytest.mark.acceptance("2.27", "2.28", "2.29", "2.30", "2.32", "2.35")
@pytest.mark.acceptance("2.25", part="the full batch of 262")
@pytest.mark.acceptance("2.33", part="every job of a batch comes to its end")
def test_a_batch_of_262_by_events_instead_of_schedules(tmp_path: Path):
    file = make_jobs_file(tmp_path / "jobs.csv", ROWS)
    with up(tmp_path / "data", "--scenario", "calm") as running, running.app() as app:
        with file.open("rb") as rows:
            batch_id = app.receive(rows, SERVICE_JOB, file.name).batch_id
        eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.closed_at is not None, 120)
        recorded, counted = app.ledger.read(0, 100_000), account(app.ledger, batch_id)
    at = {type(one.event): one.recorded_at for one in recorded if isinstance(one.event, BatchReceived | BatchClosed)}
    took_s = (at[BatchClosed] - at[BatchReceived]).total_seconds()
    assert counted.adds_up
    assert counted.open == counted.escalated == 0
    assert took_s < END_TO_END_S, "45 minutes once"
    assert counted.delivered / took_s * 3600 > PER_HOUR

    opened = {one.stream: one.recorded_at for one in recorded if isinstance(one.event, JobOpened)}
    handled: dict[str, float] = {}
    for one in recorded:
        if isinstance(one.event, StageCompleted) and one.stream not in handled:
            handled[one.stream] = (one.event.at - opened[one.stream]).total_seconds()
    assert set(handled) == set(opened)
    assert max(handled.values()) < HANDLED_WITHIN_S, "no schedule is waited for"

    kinds = Counter(type(one.event) for one in recorded)
    assert not kinds.keys() & {JobEscalated, JobResumed, EscalationAssigned}, "nobody had to help"
    assert kinds[StageFailed] == 0
    assert kinds[StageStarted] == sum(
        isinstance(one.event, StageCompleted) and one.event.stage == "dispatch" for one in recorded
    ), "no attempt was made for nothing"
