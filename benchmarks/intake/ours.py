"""The use cases of the intake on production adapters."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from psycopg_pool import ConnectionPool

from benchmarks.contest import Stopwatch, Timed
from benchmarks.lab import open_ledger
from dispatch.adapters.assistant import ProcessAssistant
from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from dispatch.adapters.privacy.keyring import Keyring
from dispatch.adapters.privacy.ledger import EncryptedLedger
from dispatch.adapters.privacy.master_keys import MasterKeys
from dispatch.adapters.privacy.vault import PostgresPersonVault
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.intake.judge import judge
from dispatch.application.intake.preparing import prepare_each
from dispatch.application.intake.profiles import profile_named
from dispatch.application.intake.receive import ReceiveFile
from dispatch.application.ports.clock import utc_now
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.rows import Budget
from dispatch.entrypoints.assistant import COMMAND as ASSISTANT
from dispatch.entrypoints.settings import Settings

PROFILE = profile_named("service-job")
BUDGET = Budget(10)
PLAIN_ASSISTANT = ("-m", "benchmarks.intake.plain_assistant")

_assistants: list[ProcessAssistant] = []  # One that nobody holds any more ends.


def to_durable_jobs(url: str, path: Path, good: int, encrypted: bool = True) -> Timed:
    """Receive the file and take the batch as far as it goes: every row judged, every good one an open job.

    By two processes, as in production. The second is not closed: its memory is looked at, and it ends with this one.
    Without `encrypted` persons are stored as they are: what the encryption costs, and nothing that the product does.
    """
    with TemporaryDirectory(dir=path.parent) as folder:
        return _measure(url, Path(folder), path, good, encrypted)


def _measure(url: str, folder: Path, path: Path, good: int, encrypted: bool) -> Timed:
    files = FolderFileStore(folder)
    with closing(open_ledger(url)) as plain, ConnectionPool(url, min_size=1, max_size=4) as pool:
        pool.wait()
        plain.ping()
        vault = PostgresPersonVault(pool, Keyring(pool, MasterKeys(folder / "master.key")))
        ledger = EncryptedLedger(plain, vault) if encrypted else plain
        receive = ReceiveFile(ledger, files, utc_now)
        command = ASSISTANT if encrypted else PLAIN_ASSISTANT
        assistant = ProcessAssistant(command, Settings(data=folder, database_url=url))
        _assistants.append(assistant)
        with assistant.work(prepare_each) as started:
            assert not list(started)  # An intake process starts it once, with its first big file.
        admit = AdmitBatch(ledger, files, PostgresNaturalKeys(pool), utc_now, assistant=assistant)
        with Stopwatch() as watch:
            with path.open("rb") as file:
                received = receive(file, PROFILE, path.name)
            status = admit(received.batch_id)
        assert status is BatchStatus.PROCESSING, status
        rows, jobs = _told(ledger.load(received.batch_id).events)
        assert jobs == good, (jobs, good)
    return Timed(rows, watch.seconds)


def judging(path: Path, bad: int) -> Timed:
    """Phase one alone."""
    with Stopwatch() as watch:
        found = judge(path, PROFILE)
    assert found.rejected == bad, (found.rejected, bad)
    return Timed(found.rows, watch.seconds)


def refusing(path: Path) -> Timed:
    """Phase one of a file whose budget breaks: the rate counts every row of the file that was done with."""
    with Stopwatch() as watch:
        found = judge(path, PROFILE, budget=BUDGET)
    assert found.stopped_at_row, found.rows
    return Timed(found.rows_at_most, watch.seconds)


def judging_hopeless(path: Path) -> Timed:
    """The same, judged to its end."""
    with Stopwatch() as watch:
        found = judge(path, PROFILE)
    assert BUDGET.broken(found.rejected, found.rows)
    return Timed(found.rows, watch.seconds)


def _told(events) -> tuple[int, int]:
    """Rows judged and jobs admitted, as the batch's own events say."""
    told = {type(event).__name__: event for event in events}
    return told["BatchJudged"].rows, told["BatchAdmitted"].jobs
