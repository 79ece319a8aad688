"""An import with a second process: the same rows, errors and jobs as without, also when it is interrupted."""

from io import BytesIO

import pytest
from intake_desk import Desk
from intake_files import HEADER, goods, sample_maker

from assistant_process import in_memory
from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.ports.assistant import AssistantGone
from dispatch.application.ports.clock import utc_now
from dispatch.domain.batch.events import BatchAdmitted, BatchJudged, BatchRejected
from dispatch.domain.batch.state import BatchStatus

ROWS = 5_500


@pytest.fixture(scope="module")
def assistant():
    assistant = in_memory()
    yield assistant
    assistant.close()


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "files", MemoryLedger(), rows_per_chunk=1_500)


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "sample.csv"
    sample_maker().write(path, ROWS, 0.05, 40, 11)
    return path.read_bytes()


def assisted(desk, assistant):
    keys = desk.admit.natural_keys
    return AdmitBatch(desk.ledger, desk.files, keys, utc_now, 1_500, assistant=assistant, assisted_from_bytes=0)


def told(desk, batch_id):
    """The batch's own story, without moments and durations."""
    events = desk.ledger.load(batch_id).events
    kept = [event for event in events if isinstance(event, BatchJudged | BatchRejected | BatchAdmitted)]
    return [{k: v for k, v in as_dict(event).items() if k != "at" and not k.endswith("_ms")} for event in kept]


def as_dict(event):
    return {field: getattr(event, field) for field in event.__struct_fields__}


def jobs(desk, batch_id):
    return [
        (job.row, job.reference, job.person, job.permission, job.price_pence, job.details)
        for job in desk.jobs(batch_id)
    ]


def both_ways(tmp_path, assistant, content):
    """The same file with and without a second process."""
    found = []
    for name, helper in (("alone", None), ("assisted", assistant)):
        desk = Desk(tmp_path / name, MemoryLedger(), rows_per_chunk=1_500)
        batch_id = desk.receive(BytesIO(content), SERVICE_JOB, "jobs.csv").batch_id
        status = assisted(desk, helper)(batch_id)
        found.append((status, told(desk, batch_id), jobs(desk, batch_id)))
    return found


@pytest.mark.acceptance("1.12", part="a second process judges and prepares: the same errors and the same jobs")
def test_a_file_is_taken_in_the_same_with_a_second_process(tmp_path, assistant, sample):
    alone, together = both_ways(tmp_path, assistant, sample)
    assert alone[0] is BatchStatus.PROCESSING
    assert alone == together
    assert len(alone[2]) > ROWS // 2


@pytest.mark.parametrize("count", [1, 999, 1_000, 1_001, 2_000, 3_000])
def test_it_is_the_same_at_the_borders_of_chunks(tmp_path, assistant, count):
    alone, together = both_ways(tmp_path, assistant, (HEADER + goods(count)).encode())
    assert alone == together
    assert len(together[2]) == count


@pytest.mark.parametrize("bad_row", [500, 1_500, 2_500])
def test_a_file_that_breaks_in_the_middle_is_refused_the_same(tmp_path, assistant, bad_row):
    broken = 'SJ-6,"boiler" service,89.00,Ann Smith,LS1 4AP\n'
    content = HEADER + goods(bad_row) + broken + goods(1_000, first=bad_row + 1)
    alone, together = both_ways(tmp_path, assistant, content.encode())
    assert alone == together
    assert together[0] is BatchStatus.REJECTED


def test_a_hopeless_file_stops_at_the_same_row(tmp_path, assistant):
    bad = goods(3_000).replace("89.00", "TBC")
    alone, together = both_ways(tmp_path, assistant, (HEADER + bad + goods(12_000, first=3_001)).encode())
    assert alone == together
    assert together[1][0]["stopped_at_row"]


def test_keys_of_an_earlier_batch_are_duplicates_here_too(desk, assistant):
    first, second = desk.bring(HEADER + goods(1_800)), desk.bring(HEADER + goods(2_000, first=1_001))
    admit = assisted(desk, assistant)
    admit(first.batch_id)
    admit(second.batch_id)
    assert [job.reference for job in desk.jobs(second.batch_id)] == [f"SJ-{n}" for n in range(1_801, 3_001)]
    assert desk.batch(second.batch_id).duplicates == 800


class DiesBefore:
    """A second process that dies before its n-th answer in the second phase."""

    def __init__(self, assistant, answers):
        self.assistant, self.left = assistant, answers

    def work(self, task, items=()):
        return self.assistant.work(task, self._deadly(items))

    def _deadly(self, items):
        for item in items:
            self.left -= 1
            if self.left == 0:
                self.assistant.close()
            yield item


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_when_it_dies_nothing_is_lost_and_nothing_comes_twice(desk, assistant, answers):
    received = desk.bring(HEADER + goods(5_000))
    admit = assisted(desk, DiesBefore(assistant, answers))
    with pytest.raises(AssistantGone):
        admit(received.batch_id)
    assert admit(received.batch_id) is BatchStatus.PROCESSING
    assert [job.row for job in desk.jobs(received.batch_id)] == list(range(1, 5_001))


def test_an_import_that_is_interrupted_goes_on_behind_its_last_chunk(desk, assistant):
    received = desk.bring(HEADER + goods(5_000))
    admit = assisted(desk, assistant)
    assert admit(received.batch_id, until=lambda: True) is BatchStatus.ADMITTING
    assert desk.batch(received.batch_id).row_through == 1_500
    assert admit(received.batch_id) is BatchStatus.PROCESSING
    assert [job.row for job in desk.jobs(received.batch_id)] == list(range(1, 5_001))
