"""Sends that are in doubt in the running system, before a person for want of anything better: receipts settle them."""

from pathlib import Path

import pytest

from checker import check, read_stored
from dispatch.application.account import account
from dispatch.domain.job.commands import OUTCOME_UNKNOWN
from dispatch.domain.job.events import DoubtSettled, JobEscalated, StageCompleted
from dispatch.domain.job.state import JobStatus
from end_to_end.running import change, eventually, make_jobs_file, simulated, stats, up
from end_to_end.test_receipts import RESTING, SECRET, declared, receive

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(180)]

ROWS = 200


@pytest.mark.acceptance("2.22", part="lost answers and a killed worker: receipts settle what is in doubt, none twice")
def test_a_receipt_settles_what_nobody_knew(tmp_path: Path):
    with simulated(latency_ms=20, lost_reply=0.3, receipts_copies=2, receipts_by_key=True) as simulator:
        settings = declared(tmp_path, simulator, "webhook", within_s=60)
        with Path(settings["providers_file"]).open("a", encoding="utf-8") as file:
            file.write('in_doubt = "person"\n')
        with up(tmp_path / "data", **settings) as running, running.app() as app:
            to = f"{running.note['api_url']}/v1/receipts/texter"
            change(simulator, receipts_to=to, receipts_secret=SECRET, receipts_delay_ms=700)
            batch_id = receive(app, make_jobs_file(tmp_path / "jobs.csv", ROWS))
            eventually(lambda: stats(simulator)["effects"], lambda effects: effects > 20)
            running.kill("worker-1")
            eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.status in RESTING, 90)
            eventually(lambda: stats(simulator)["receipts"], lambda seen: seen["sent"] == seen["planned"], 60)
            eventually(lambda: app.receipt_sheet.waiting(10), lambda waiting: not waiting, 60)

            events = [record.event for record in app.ledger.read(0, 1_000_000)]
            escalated = [event for event in events if isinstance(event, JobEscalated)]
            unknown = [event for event in escalated if event.reason == OUTCOME_UNKNOWN]
            settled = [event for event in events if isinstance(event, DoubtSettled)]
            assert len(unknown) > ROWS / 10, "answers were lost"
            assert {(event.by, event.happened) for event in settled} == {("receipt:texter", True)}
            sends = [event for event in events if isinstance(event, StageCompleted) and event.stage == "dispatch"]
            counted, seen = account(app.ledger, batch_id), stats(simulator)
            assert (counted.adds_up, counted.open) == (True, 0)
            assert seen["effects"] == seen["keys_seen"] == len(sends) == counted.delivered
            assert seen["duplicates"] == 0, "nothing was even asked for twice"
            left = app.queries.jobs(batch_id=batch_id, status=JobStatus.ESCALATED, limit=1_000)
            in_doubt = {event.job_id for event in unknown} - {event.job_id for event in settled}
            assert in_doubt <= {row.job_id for row in left}
            assert len(in_doubt) == len(unknown) - len(settled), "calls that were cut off before they reached anybody"
            assert check(read_stored(app.settings.database_url), at_rest=True) == []
