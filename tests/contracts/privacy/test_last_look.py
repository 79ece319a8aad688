"""Between the recorded attempt and the call the vault is asked once more: an erasure in between leaves no call."""

import random

import pytest
from msgspec.structs import replace

from application.providing import providers, switchboard
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.erase import EraseContact, read_address
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.privacy import AddressKind
from dispatch.application.stages import find_stages
from dispatch.application.work import RunStage
from dispatch.domain.job.events import StageStarted
from ledgers import cause, new_id, opened_job

pytestmark = pytest.mark.postgres


class ErasesBetween:
    """The ledger; right behind a recorded attempt the person is erased."""

    def __init__(self, ledger, erase):
        self._ledger, self._erase = ledger, erase
        self.load_many = ledger.load_many

    def append(self, appends):
        answers = self._ledger.append(appends)
        if isinstance(appends[0].events[-1], StageStarted):
            self._erase()
        return answers


@pytest.mark.acceptance("PE10")
@pytest.mark.parametrize("erased", [True, False])
async def test_an_erasure_behind_the_recorded_attempt_leaves_no_call(ledger, vault, tmp_path, erased):
    job_id, asked = new_id(), providers()
    ledger.append([Append(job_id, 0, [replace(opened_job(job_id), route=("dispatch", "confirm"))], cause())])
    erase = EraseContact(ledger, vault, FolderFileStore(tmp_path), utc_now)
    address = read_address(AddressKind.PHONE, "01632 960001")
    between = ErasesBetween(ledger, lambda: erase(address, "request 4711", "olga") if erased else None)
    run = RunStage(between, find_stages(), vault, switchboard(asked), utc_now, random.Random(1).random)
    await run("dispatch", [job_id])
    names = [type(event).__name__ for event in ledger.load(job_id).events]
    assert names == ["JobOpened", "StageStarted", "JobBlocked" if erased else "StageCompleted"]
    assert len(asked.notifier.sent) == (0 if erased else 1)
