"""Receipts by signed webhook in the running system: repeated, shuffled, lost and contradicted, from a provider that
comes and goes, while processes are killed. Each job ends once, as its receipts say, and nothing is sent twice.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checker import check, read_stored
from dispatch.adapters.providers.simulator import Scenario, changed
from dispatch.adapters.providers.simulator.receipts import failed, planned
from dispatch.application.account import account
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.domain.batch.state import ENDED, BatchStatus
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobDelivered, JobEscalated, ReceiptRecorded, StageCompleted, StageFailed
from dispatch.domain.job.state import Job, JobStatus
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.supervisor.ports import held_port
from end_to_end.running import change, dispatch, eventually, make_jobs_file, simulated, stats, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(300)]

ROWS = 400
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE}
SECRET = f"whsec_{base64.b64encode(b'e' * 32).decode()}"
RECEIPTS = {
    "receipts_copies": 3,
    "receipts_jitter_ms": 1_500,
    "receipts_lost": 0.05,
    "receipts_failed": 0.06,
    "receipts_contradicted": 0.05,
    "receipts_at_once": 20,
}
FLAPS = {"flap_up_s": 2.0, "flap_down_s": 0.6, "flap_drops": True}


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    return make_jobs_file(tmp_path / "jobs.csv", ROWS)


@pytest.fixture
def simulator() -> Iterator[str]:
    with simulated(latency_ms=30, **RECEIPTS) as url:
        yield url


def declared(folder: Path, simulator: str, receipts: str, within_s: float) -> dict[str, str]:
    """Settings of a system whose notifier sends its receipts."""
    (folder / "texter.secret").write_text(SECRET)
    path = folder / "providers.toml"
    path.write_text(
        f"""
[[provider]]
name = "texter"
capability = "notifier"
url = "{simulator}"
receipts = "{receipts}"
receipt_within_s = {within_s}
receipt_secrets_file = "{folder}/texter.secret"
""",
        encoding="utf-8",
    )
    urls = dict.fromkeys(("contact_finder_url", "email_verifier_url", "notifier_url"), simulator)
    return urls | {"providers_file": str(path), "channel_rate_per_s": "0", "work_ack_wait_s": "2"}


def receive(app: App, path: Path) -> str:
    with path.open("rb") as rows:
        return app.receive(rows, SERVICE_JOB, path.name).batch_id


def await_rest(app: App, batch_id: str, simulator: str) -> None:
    """Every receipt has arrived, none waits, and nothing of the batch is on its way."""
    eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.status in RESTING, 150)
    eventually(lambda: stats(simulator)["receipts"], lambda seen: seen["sent"] == seen["planned"], 60)
    eventually(lambda: app.receipt_sheet.waiting(10), lambda waiting: not waiting, 60)


def outcomes(app: App) -> dict[str, tuple[Job, list[object]]]:
    """By message id: the job that sent it, and its events."""
    histories: dict[str, list[Any]] = {}
    for record in app.ledger.read(0, 1_000_000):
        histories.setdefault(record.stream, []).append(record.event)
    found = {}
    for events in histories.values():
        sends = [event for event in events if isinstance(event, StageCompleted) and event.stage == "dispatch"]
        assert len(sends) <= 1, "sent twice"
        if sends:
            found[str(sends[0].output["message_id"])] = decider.fold(events), events
    return found


def said_of(scenario: Scenario, message_id: str, *, asked: bool) -> set[str]:
    """Everything that anybody was told of this message in the end."""
    told = {one.status for one in planned(scenario, message_id)}
    return told or ({"failed" if failed(scenario, message_id) else "delivered"} if asked else set())


def agreed(app: App, batch_id: str, simulator: str, data: Path, *, cut_off: bool = False) -> None:
    """The ledger, the provider, the counts and a reconciliation do not contradict each other.

    `cut_off`: a process was killed between the record of a receipt and its count.
    """
    counted, seen = account(app.ledger, batch_id), stats(simulator)
    assert (counted.adds_up, counted.open) == (True, 0)
    sent = outcomes(app)
    assert seen["effects"] == len(sent)
    assert seen["effects"] == seen["keys_seen"]
    recorded = [event for event in _events(app) if isinstance(event, ReceiptRecorded)]
    assert len({(event.message_id, event.status) for event in recorded}) == len(recorded), "each thing once"
    [total] = app.receipt_sheet.totals()
    if not cut_off:
        arrived, again = seen["receipts"]["sent"], seen["receipts"].get("tried_again", 0)
        assert arrived == seen["receipts"]["planned"]
        # A request whose answer was late or an error may have been received all the same.
        assert arrived <= total.received <= arrived + again * RECEIPTS["receipts_at_once"]
        assert total.recorded == len(recorded)
        assert total.contradicting == sum(event.contradicts for event in recorded)
        assert total.late > 0, "some came before the record of their send"
    assert total.recorded + total.repeated == total.received
    assert check(read_stored(app.settings.database_url), at_rest=True) == []
    answer = dispatch("reconcile", "--data", str(data), "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert json.loads(answer.stdout)["counts"] == {}


@pytest.mark.acceptance("S.09", part="reconcile is clean after receipts came thrice, shuffled, and 5 % of them never")
@pytest.mark.acceptance("X15", part="what nobody can answer to yet is kept and counted")
def test_each_job_ends_once_as_its_receipts_say(tmp_path: Path, jobs_file: Path, simulator: str):
    settings = declared(tmp_path, simulator, "both", within_s=4)
    with up(tmp_path / "data", **settings) as running, running.app() as app:
        to = f"{running.note['api_url']}/v1/receipts/texter"
        change(simulator, receipts_to=to, receipts_secret=SECRET, **FLAPS)
        batch_id = receive(app, jobs_file)
        eventually(lambda: stats(simulator)["effects"], lambda effects: effects > 50)
        running.kill("worker-1")
        await_rest(app, batch_id, simulator)
        scenario = changed(Scenario(), RECEIPTS)
        sent = outcomes(app)
        assert len(sent) > ROWS / 2
        ends: Counter[str] = Counter()
        for message_id, (job, events) in sent.items():
            said = said_of(scenario, message_id, asked=True)
            wanted = JobStatus.DELIVERED if "delivered" in said else JobStatus.ESCALATED
            assert job.status is wanted, (message_id, said, job.escalated_for)
            assert sum(isinstance(event, JobDelivered) for event in events) == (wanted is JobStatus.DELIVERED)
            if wanted is JobStatus.ESCALATED:
                [escalated] = [event for event in events if isinstance(event, JobEscalated)]
                assert escalated.reason == "not_delivered"
            ends[f"{job.status.value} of {'/'.join(sorted(said))}"] += 1
        assert set(ends) == {"delivered of delivered", "delivered of delivered/failed", "escalated of failed"}
        assert stats(simulator)["receipts"]["lost"] > 0, "some were never sent: they were asked for"
        assert stats(simulator)["errors"]["down"] > 0, "it was away for a while"
        agreed(app, batch_id, simulator, tmp_path / "data")


@pytest.mark.acceptance("X21", part="a door that is killed while receipts come in loses none of them")
def test_a_door_that_is_killed_loses_no_receipt(tmp_path: Path, jobs_file: Path, simulator: str):
    settings = declared(tmp_path, simulator, "webhook", within_s=20)
    with (
        held_port() as port,
        up(tmp_path / "data", "--port", str(port), **settings) as running,
        running.app() as app,
    ):
        to = f"{running.note['api_url']}/v1/receipts/texter"
        change(simulator, receipts_to=to, receipts_secret=SECRET)
        batch_id = receive(app, jobs_file)
        eventually(app.receipt_sheet.totals, lambda totals: bool(totals) and totals[0].recorded > 20)
        running.kill("api")
        await_rest(app, batch_id, simulator)
        scenario = changed(Scenario(), RECEIPTS)
        for message_id, (job, _) in outcomes(app).items():
            said = said_of(scenario, message_id, asked=False)
            wanted = "delivered" if "delivered" in said else "not_delivered" if said else "receipt_missing"
            assert wanted == (job.escalated_for if job.status is JobStatus.ESCALATED else job.status)
        assert stats(simulator)["receipts"]["tried_again"] > 0, "nobody listened for a while"
        asked = [event for event in _events(app) if isinstance(event, StageFailed) and event.stage == "confirm"]
        assert {event.error_code for event in asked} == {"not_delivered", "receipt_missing"}, "nobody was asked"
        agreed(app, batch_id, simulator, tmp_path / "data", cut_off=True)


def _events(app: App) -> list[object]:
    return [record.event for record in app.ledger.read(0, 1_000_000)]
