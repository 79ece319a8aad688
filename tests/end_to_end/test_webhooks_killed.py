"""kill -9 of the webhooks role while it sends: another takes over, every message arrives, under the id it had."""

import time
from collections import Counter
from pathlib import Path

import pytest

from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.webhooks.desk import NewEndpoint
from dispatch.domain.job.events import JobOpened
from dispatch.entrypoints.bootstrap import App
from end_to_end.running import eventually, make_jobs_file, up
from receiver import Received, receiver

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]
ROWS = 400


def newest_sender(app: App) -> int:
    """Its pid; whoever was killed is in the list for ten seconds more."""
    return max((row.started_at, row.pid) for row in app.processes.present() if row.roles == ("webhooks",))[1]


@pytest.mark.acceptance("X15", part="webhooks go on after kill -9 of their role, and none is lost")
def test_a_killed_sender_loses_no_message(tmp_path: Path):
    file = make_jobs_file(tmp_path / "jobs.csv", ROWS)

    def slowly(_: Received) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.05)
        return 204, {}, b""

    with (
        receiver() as hooks,
        up(tmp_path / "data", endpoint_private_hosts="127.0.0.1") as running,
        running.app() as app,
    ):
        hooks.answer = slowly
        app.endpoints.register(NewEndpoint(name="crm", url=f"{hooks.url}/crm", types=("job.opened",)), "ann")
        with file.open("rb") as rows:
            app.receive(rows, SERVICE_JOB, file.name)
        for sent in (30, 150):
            eventually(lambda: len(hooks.received), lambda count, sent=sent: count >= sent)
            killed = newest_sender(app)
            running.kill_pid(killed)
            eventually(lambda: newest_sender(app), lambda pid, killed=killed: pid != killed)
        opened = [one for one in app.ledger.read(0, 100_000) if isinstance(one.event, JobOpened)]
        assert len(opened) > ROWS // 2
        eventually(lambda: len(set(hooks.ids())), lambda count: count == len(opened))
        log = eventually(lambda: app.endpoints.deliveries("crm", limit=1_000), lambda rows: len(rows) >= len(opened))
        assert {row.error for row in log} == {""}
    times = Counter(hooks.ids())
    again = sum(times.values()) - len(times)
    assert again <= 2 * 1_000, "what was in hand at each kill goes out again, at most a page"
    assert max(times.values()) <= 3
