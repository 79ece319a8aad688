"""The setting of stages in the running system: every worker goes by it, and whoever asks is told it."""

import json
from pathlib import Path

import pytest

from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.domain.job.events import RetryScheduled, StageFailed
from dispatch.domain.job.state import JobStatus
from end_to_end.running import Up, dispatch, eventually, make_jobs_file, simulated, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(180)]

TWO_ATTEMPTS = "[stages.enrich]\nattempts_max = 2\ndelay_first_s = 0.2\ndelay_cap_s = 0.2\njitter_s = 0\n"
JOBS, DUPLICATES = 4, 4  # So few calls that the breaker does not open.


def said(running: Up, *arguments: str) -> str:
    """What a command says to somebody who has set nothing themselves."""
    done = dispatch(*arguments, "--data", str(running.data))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.acceptance("S.06", part="attempts and waits of a stage are settings, the same for every worker")
def test_a_stage_is_tried_as_often_as_the_setting_says(tmp_path: Path):
    jobs_file, setting = make_jobs_file(tmp_path / "jobs.csv", JOBS + DUPLICATES), tmp_path / "stages.toml"
    setting.write_text(TWO_ATTEMPTS, encoding="utf-8")
    with (
        simulated(latency_ms=1, unavailable=1.0, failures_max=1_000) as url,
        up(
            tmp_path / "data",
            contact_finder_url=url,
            email_verifier_url=url,
            notifier_url=url,
            stages_file=str(setting),
            work_ack_wait_s="2",
        ) as running,
        running.app() as app,
    ):
        with jobs_file.open("rb") as rows:
            batch_id = app.receive(rows, SERVICE_JOB, jobs_file.name).batch_id

        def escalated() -> int:
            return len(app.queries.jobs(batch_id=batch_id, status=JobStatus.ESCALATED, limit=JOBS))

        def tried(job_id: str) -> tuple[list[int], list[float]]:
            events = [record.event for record in app.ledger.trace(job_id)]
            waits = [(one.due_at - one.at).total_seconds() for one in events if isinstance(one, RetryScheduled)]
            return [one.attempt for one in events if isinstance(one, StageFailed) and one.stage == "enrich"], waits

        eventually(escalated, lambda count: count == JOBS)
        jobs = [job.job_id for job in app.queries.jobs(batch_id=batch_id, limit=JOBS)]
        assert [tried(job_id) for job_id in jobs] == [([1, 2], [0.2])] * JOBS

        stages = {row["stage"]: row for row in map(json.loads, said(running, "pipeline", "--json").splitlines())}
        assert stages["enrich"]["retry"]["attempts_max"] == 2
        assert stages["enrich"]["set"] == ["attempts_max", "delay_first_s", "delay_cap_s", "jitter_s"]
        assert (stages["verify"]["retry"]["attempts_max"], stages["verify"]["set"]) == (5, [])
        explained = json.loads(said(running, "job", "why", jobs[0], "--json"))
        assert explained["budget"] == {
            "attempts_max": 2,
            "attempts_spent": 2,
            "delay_first_s": 0.2,
            "delay_cap_s": 0.2,
        }

        # What is written into the file while the system runs counts from its next start, for all of its processes.
        setting.write_text(TWO_ATTEMPTS.replace("2", "9", 1), encoding="utf-8")
        running.kill("worker-1")
        running.kill("worker-2")
        app.desk.resume(jobs[0], "ann")
        eventually(lambda: tried(jobs[0])[0], lambda attempts: len(attempts) > 3)
        eventually(escalated, lambda count: count == JOBS)
        assert tried(jobs[0]) == ([1, 2, 3, 4], [0.2, 0.2])
