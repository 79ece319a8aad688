"""The services of docker-compose.yml as processes of their own, on servers that somebody else started."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest
import yaml

from dispatch.adapters.embedded.nats import EmbeddedNats
from end_to_end.running import DISPATCH, environment
from servers import application_url

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
COMMANDS = {
    name: service["command"]
    for name, service in COMPOSE["services"].items()
    if service.get("command", [""])[0] == "run"
}


@contextmanager
def running(command: list[str], environ: dict[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is told to stop at the end, as a container is, and must then end by itself."""
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environ)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


@pytest.mark.acceptance("4.15", part="API and worker as separate processes")
@pytest.mark.acceptance("4.05", part="migrations run at the start, whichever role is first")
@pytest.mark.acceptance("2.02", part="the system spread out works as the application's user")
@pytest.mark.parametrize("users", ["owner and application", "one for everything"])
def test_the_services_of_compose_do_the_whole_job_together(
    tmp_path: Path, production_url: str, fresh_nats: EmbeddedNats, users: str
):
    simulator = [sys.executable, "-m", "dispatch.adapters.providers.simulator", "--port", "0", "--scenario", "calm"]
    roles: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack:
        providers = stack.enter_context(running(simulator, environment(), tmp_path / "simulator.log"))
        assert providers.stdout is not None
        url = providers.stdout.readline().split()[-1]
        environ = environment(
            data=str(tmp_path / "data"),
            database_url=production_url if users == "one for everything" else application_url(production_url),
            nats_url=fresh_nats.url,
            http_port="0",
            contact_finder_url=url,
            email_verifier_url=url,
            notifier_url=url,
        )
        if users == "owner and application":
            prepare = [*DISPATCH, *COMPOSE["services"]["migrate"]["command"]]
            subprocess.run(
                prepare, env=environ | {"DISPATCH_DATABASE_OWNER_URL": production_url}, check=True, timeout=60
            )
        for name, command in COMMANDS.items():  # All at once, on an empty database where nobody has prepared it.
            roles[name] = stack.enter_context(running([*DISPATCH, *command], environ, tmp_path / f"{name}.log"))
        batch = upload_when_prepared(environ)
        assert batch["batch"]["delivered"] > 400, batch
        health = subprocess.run([*DISPATCH, "doctor"], capture_output=True, text=True, env=environ, check=False)
        assert health.returncode <= 1, health.stdout  # What the compose file calls healthy.
        assert [name for name, process in roles.items() if process.poll() is not None] == []
    assert {name: process.returncode for name, process in roles.items()} == dict.fromkeys(COMMANDS, 0)


def upload_when_prepared(environ: dict[str, str]) -> dict[str, dict[str, int]]:
    """Upload the sample and wait for its end; repeated while the first role still prepares the database."""
    sample = ROOT / "samples" / "service-jobs.csv"
    command = [*DISPATCH, "batch", "upload", str(sample), "--wait", "--json"]
    for _ in range(30):
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=120)
        answer = msgspec.json.decode(done.stdout)
        if answer.get("error", {}).get("code") != "database_not_prepared":
            assert done.returncode == 0, done.stdout
            return answer
    raise AssertionError(f"nobody prepared the database: {done.stdout}")
