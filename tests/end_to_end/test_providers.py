"""Several providers in the running system: one that is down costs nobody anything, and a crash leaves nothing twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.application.account import account
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.domain.batch.state import ENDED, BatchStatus
from dispatch.domain.job.events import FailedOver, StageCompleted, StageStarted
from dispatch.entrypoints.reconciling import open_receipts
from dispatch.entrypoints.settings import Settings
from end_to_end.running import eventually, make_jobs_file, simulated, stats, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(180)]

ROWS = 600
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE}
NOBODY = "http://127.0.0.1:9"  # The discard port: nobody listens there.


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    return make_jobs_file(tmp_path / "jobs.csv", ROWS)


@pytest.fixture
def simulator() -> Iterator[str]:
    with simulated(latency_ms=10) as url:
        yield url


def declared(folder: Path, simulator: str, *, in_doubt: str = "repeat", main: str = NOBODY) -> str:
    path = folder / "providers.toml"
    path.write_text(
        f"""
[[provider]]
name = "main"
capability = "notifier"
url = "{main}"
price_pence = 3
in_doubt = "{in_doubt}"

[[provider]]
name = "spare"
capability = "notifier"
url = "{simulator}"
price_pence = 4
""",
        encoding="utf-8",
    )
    return str(path)


def test_with_the_first_notifier_down_every_message_goes_by_the_second(tmp_path: Path, jobs_file: Path, simulator: str):
    urls = {"contact_finder_url": simulator, "email_verifier_url": simulator, "notifier_url": simulator}
    file = declared(tmp_path, simulator)
    with up(tmp_path / "data", **urls, providers_file=file, channel_rate_per_s="0") as running, running.app() as app:
        with jobs_file.open("rb") as rows:
            batch_id = app.receive(rows, SERVICE_JOB, jobs_file.name).batch_id
        eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.status in RESTING, 90)
        counted = account(app.ledger, batch_id)
        assert counted.adds_up
        assert counted.open == 0
        assert stats(simulator)["effects"] == counted.delivered > ROWS // 2
        events = [record.event for record in app.ledger.read(0, 1_000_000)]
        sent = [event for event in events if isinstance(event, StageCompleted) and event.stage == "dispatch"]
        assert {event.output["provider"] for event in sent} == {"spare"}
        passed = [event for event in events if isinstance(event, FailedOver)]
        assert 0 < len(passed) < len(sent), "its breaker opened: most were not even tried there"
        assert {event.error_code for event in passed} == {"connection_refused"}
        shown = {one.name: one for one in app.show_providers()}
        assert shown["main"].score < 0.5
        assert shown["spare"].calls_today >= len(sent)


@pytest.mark.acceptance("X20", part="a provider that cannot be asked twice is asked whether it has sent")
def test_a_killed_worker_asks_before_it_sends_again(tmp_path: Path, jobs_file: Path, simulator: str):
    urls = {"contact_finder_url": simulator, "email_verifier_url": simulator, "notifier_url": simulator}
    file = declared(tmp_path, simulator, in_doubt="ask", main=simulator)
    with (
        up(tmp_path / "data", **urls, providers_file=file, channel_rate_per_s="0", work_ack_wait_s="2") as running,
        running.app() as app,
    ):
        with jobs_file.open("rb") as rows:
            batch_id = app.receive(rows, SERVICE_JOB, jobs_file.name).batch_id
        eventually(lambda: stats(simulator)["effects"], lambda sent: sent > 20)
        running.kill("worker-1")
        running.kill("worker-2")
        eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.status in RESTING, 90)
        counted, seen = account(app.ledger, batch_id), stats(simulator)
        assert counted.adds_up
        assert counted.open == 0
        assert seen["effects"] == seen["keys_seen"] == counted.delivered
        assert seen["duplicates"] == 0, "what had been sent was found by its key, not sent again"
        started = [r.event for r in app.ledger.read(0, 1_000_000) if isinstance(r.event, StageStarted)]
        assert {event.provider for event in started} == {"main"}


def test_a_reconciliation_asks_each_declared_notifier_over_http(tmp_path: Path, simulator: str):
    ask = open_receipts(Settings(data=tmp_path, providers_file=declared(tmp_path, simulator)), per_s=1_000)
    assert ask("spare", ["m-1"]) == {"m-1": "no_such_message"}
    assert ask("main", ["m-1"]) == {}, "nobody listens there"
    assert ask("", ["m-1"]) == {}, "the first one is asked for what no name stands at"
    assert ask("older", ["m-1"]) is None
