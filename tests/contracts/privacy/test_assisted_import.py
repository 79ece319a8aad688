"""The second process as production starts it: what it prepares is encrypted, readable, and recorded once."""

import pytest

from dispatch.adapters.assistant import ProcessAssistant
from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.receive import ReceiveFile
from dispatch.application.ports.clock import utc_now
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.job.events import JobOpened
from dispatch.entrypoints.assistant import COMMAND
from dispatch.entrypoints.settings import Settings

pytestmark = pytest.mark.postgres
ROWS = 2_500
HEADER = "reference,service,price,customer_name,email,postcode\n"


@pytest.fixture
def assistant(database_url, tmp_path):
    assistant = ProcessAssistant(COMMAND, Settings(data=tmp_path, database_url=database_url))
    yield assistant
    assistant.close()


@pytest.mark.acceptance("1.12", part="a second process encrypts and encodes what is recorded")
def test_persons_of_an_assisted_import_are_encrypted_and_read_by_their_keys(ledger, vault, pool, assistant, tmp_path):
    files = FolderFileStore(tmp_path / "files")
    path = tmp_path / "jobs.csv"
    rows = (f"SJ-{n},boiler_service,89.00,Ann {n},ann{n}@example.org,LS1 4AP\n" for n in range(1, ROWS + 1))
    path.write_text(HEADER + "".join(rows))
    with path.open("rb") as file:
        received = ReceiveFile(ledger, files, utc_now)(file, SERVICE_JOB, path.name)
    keys = PostgresNaturalKeys(pool)
    admit = AdmitBatch(ledger, files, keys, utc_now, 1_000, assistant=assistant, assisted_from_bytes=0)
    assert admit(received.batch_id) is BatchStatus.PROCESSING
    events = [recorded.event for recorded in ledger.read(0, 2 * ROWS)]
    jobs = [event for event in events if isinstance(event, JobOpened)]
    assert [job.row for job in jobs] == list(range(1, ROWS + 1))
    assert all(job.person.encrypted and not job.person.name for job in jobs)
    read = vault.read({job.job_id: job.person for job in jobs})
    assert [person.name for person in read.values()] == [f"Ann {n}" for n in range(1, ROWS + 1)]
