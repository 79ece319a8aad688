"""Every role in one process: workers, timers and the API together do the whole job, and stop in good order."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from dispatch.adapters.embedded.nats import EmbeddedNats
from dispatch.entrypoints.roles import ROLES
from end_to_end.running import DISPATCH, environment
from end_to_end.test_split import running, upload_when_prepared

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(300)]


@pytest.mark.acceptance("4.06")
def test_worker_and_timers_in_the_same_process_do_the_whole_job(
    tmp_path: Path, empty_url: str, fresh_nats: EmbeddedNats
):
    """Against providers that fail now and then, so that retries are due and the timers find them.

    What they answer too late comes after 3 s instead of 12, and nobody waits for it longer than 2 instead of 10.
    """
    simulator = [sys.executable, "-m", "dispatch.adapters.providers.simulator", "--port", "0", "--scenario", "flaky"]
    simulator += ["--set=slow_ms=3000"]
    with ExitStack() as stack:
        providers = stack.enter_context(running(simulator, environment(), tmp_path / "simulator.log"))
        assert providers.stdout is not None
        url = providers.stdout.readline().split()[-1]
        environ = environment(
            data=str(tmp_path / "data"),
            database_url=empty_url,
            nats_url=fresh_nats.url,
            http_port="0",
            contact_finder_url=url,
            email_verifier_url=url,
            notifier_url=url,
            provider_timeout_s="2",
        )
        one = stack.enter_context(running([*DISPATCH, "run", *ROLES], environ, tmp_path / "one.log"))
        batch = upload_when_prepared(environ)["batch"]
        assert batch["delivered"] > 300, batch
        ask = [*DISPATCH, "ledger", "search", "--name", "RetryScheduled", "--limit", "1", "--json"]
        assert subprocess.run(ask, capture_output=True, text=True, env=environ, check=True).stdout
        assert one.poll() is None
    assert one.returncode == 0
