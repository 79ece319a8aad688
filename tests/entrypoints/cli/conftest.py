"""The command line on a real Postgres: what the roles do, the tests do inline."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from reconciling import Bench

from dispatch.application.handle import handle_many
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Cause
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import Done, Outcome, RecordOutcome
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import JobStatus
from dispatch.domain.retry import RetryPolicy
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.cli.main import dispatch
from dispatch.entrypoints.settings import Settings
from servers import application_url

HEADER = ("reference", "service", "price", "customer_name", "phone", "email", "postcode", "lawful_basis", "sale_ref")
DONE = Done()


@dataclass
class Answer:
    """What a command said, and how it ended."""

    result: Result

    @property
    def code(self) -> int:
        return self.result.exit_code

    @property
    def out(self) -> str:
        return self.result.stdout

    @property
    def err(self) -> str:
        return self.result.stderr

    def json(self) -> Any:
        """The one object on stdout."""
        [line] = self.out.splitlines()
        return json.loads(line)

    def lines(self) -> list[Any]:
        """The objects on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class System:
    """An application with what its roles would do."""

    app: App

    def project(self) -> None:
        while self.app.projector.step():
            pass

    def admit(self, batch_id: str) -> None:
        self.app.admit(batch_id)
        self.project()

    def settle(self, batch_id: str, stage: str, outcome: Outcome = DONE, *, only: Sequence[str] = ()) -> None:
        """Answer for a stage: the open jobs of a batch that are at it, or `only` some of them."""
        jobs = self.app.queries.jobs(batch_id=batch_id, status=JobStatus.RUNNING, stage=stage, limit=10_000)
        at, retry = utc_now(), RetryPolicy(attempts_max=1)
        commands = [
            (job.job_id, RecordOutcome(job_id=job.job_id, at=at, stage=stage, attempt=1, outcome=outcome, retry=retry))
            for job in jobs
            if not only or job.job_id in only
        ]
        cause = Cause(command_id=command_id(batch_id, stage, outcome), correlation_id=batch_id, actor="worker")
        handle_many(self.app.ledger, decider, commands, cause)
        self.project()

    def deliver(self, batch_id: str, *, from_stage: str = "validate") -> None:
        """Let every job that is on its way reach the end of its route."""
        stages = list(self.app.stages)
        for stage in stages[stages.index(from_stage) :]:
            self.settle(batch_id, stage)
        self.app.close_batches()
        self.project()


@pytest.fixture
def system(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """A database that its owner prepared, and a data folder; the environment names them to the commands."""
    data, url = tmp_path / "data", application_url(database_url)
    monkeypatch.setenv("DISPATCH_DATABASE_URL", url)
    monkeypatch.setenv("DISPATCH_DATA", str(data))
    app = open_app(Settings(data=data, database_url=url, database_owner_url=database_url))
    app.migrate()
    yield System(app)
    app.close()


@pytest.fixture
def run() -> Iterator[Callable[..., Answer]]:
    """Run `dispatch` in this process."""

    def run_command(*arguments: object) -> Answer:
        return Answer(CliRunner().invoke(dispatch, [str(argument) for argument in arguments], prog_name="dispatch"))

    yield run_command
    structlog.reset_defaults()  # The commands' stderr is gone.


@pytest.fixture
def jobs_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of `good` rows, then `bad` ones without a usable price, then `repeated` references."""

    def write(good: int = 3, bad: int = 0, repeated: int = 0, name: str = "jobs.csv", prefix: str = "JOB") -> Path:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(HEADER)
        numbers = [*range(1, good + bad + 1), *range(1, repeated + 1)]
        for place, number in enumerate(numbers):
            price = "cheap" if good <= place < good + bad else "85.00"
            writer.writerow(
                (
                    f"{prefix}-{number:05d}",
                    "boiler service",
                    price,
                    "Ann Example",
                    "07700 900123",
                    f"ann{number}@example.org",
                    "LS1 4AP",
                    "contract",
                    "S-1",
                )
            )
        path = tmp_path / name
        path.write_text(text.getvalue(), encoding="utf-8")
        return path

    return write


@pytest.fixture
def bench(system, database_url) -> Bench:
    return Bench(system, database_url)


@pytest.fixture
def delivered(bench, run, jobs_file) -> str:
    """A batch of six rows, one of them a duplicate, of which every job was delivered."""
    batch_id = bench.admitted(jobs_file(good=5, bad=0, repeated=1), run)
    bench.send(batch_id)
    bench.close()
    return batch_id


@pytest.fixture
def opened(bench, run, jobs_file) -> str:
    """A batch whose five jobs wait at their first stage."""
    return bench.admitted(jobs_file(good=5), run)
