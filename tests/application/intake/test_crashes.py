"""Killed at any step of judging, admitting, repairing, undoing and resetting, and taken up again: each row once."""

from collections import Counter

import pytest
from intake_desk import Desk, as_csv
from intake_files import HEADER, goods
from msgspec.structs import asdict, replace

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.natural_keys_memory import MemoryNaturalKeys
from dispatch.application.account import account
from dispatch.application.handle import handle_many
from dispatch.application.ports.ledger import Cause
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.identity import job_ids
from dispatch.domain.job.commands import Block, RecordOutcome
from dispatch.domain.job.decide import decider
from dispatch.domain.retry import RetryPolicy

BAD = "SJ-{0},boiler_service,cheap,Ann Smith,LS1 4AP\n"
FILE = HEADER + goods(7) + "".join(BAD.format(number) for number in (91, 92, 93, 94)) + goods(3, first=8)
NEVER = 10_000
TIMES = {"received_at", "judged_at", "admitted_at", "first_opened_at", "last_settled_at", "closed_at", "stages"}
TIMES |= {"parse_duration_ms", "db_duration_ms", "batch_id"}


class Killed(Exception):
    """The process is gone, without a word."""


class Kill:
    """Counts what a process asks of the world, and kills it once: before the n-th call, or behind it."""

    def __init__(self, at: int, *, behind: bool) -> None:
        self.left, self.behind, self.calls, self.watching = at, behind, Counter(), False

    def around(self, name, call):
        def called(*asked, **options):
            if not self.watching:
                return call(*asked, **options)
            self.calls[name] += 1
            self.left -= 1
            if self.left == 0 and not self.behind:
                raise Killed
            answer = call(*asked, **options)
            if self.left == 0:
                raise Killed
            return answer

        return called

    def survive(self, do):
        """As JetStream delivers again, and as a person asks again."""
        self.watching = True
        try:
            return do()
        except Killed:
            return do()
        finally:
            self.watching = False

    def watch(self, thing, *names):
        for name in names:
            setattr(thing, name, self.around(name, getattr(thing, name)))
        return thing


def block(desk, batch_id, *rows):
    """These jobs end, as a worker would end them."""
    job_id = job_ids(batch_id, desk.batch(batch_id).received_at)
    commands = [
        (
            job_id(row),
            RecordOutcome(
                job_id=job_id(row),
                at=desk.admit.clock(),
                stage="validate",
                attempt=1,
                outcome=Block("PE2", "no_lawful_basis"),
                retry=RetryPolicy(),
            ),
        )
        for row in rows
    ]
    handle_many(desk.ledger, decider, commands, Cause(command_id=job_id(0), correlation_id=batch_id))


def life(folder, kill):
    """A batch is rejected, corrected, admitted, repaired, taken back and judged anew; answers what it came to."""
    ledger = kill.watch(MemoryLedger(), "load", "load_many", "append", "append_bulk")
    desk = Desk(folder, ledger, kill.watch(MemoryNaturalKeys(), "claim", "release"))
    seen = []

    def go_on(batch_id):
        seen.append(kill.survive(lambda: desk.take_in(batch_id)))
        counted = account(ledger, batch_id)
        assert counted.adds_up
        seen.append({name: value for name, value in asdict(counted).items() if name not in TIMES})

    def correct(batch_id, *rows, **changed):
        lines = kill.survive(lambda: desk.to_correct(batch_id))
        content = as_csv([line | {"price": "9.00"} | changed for line in lines if int(line["row"]) in rows])
        kill.survive(lambda: desk.correct(batch_id, content))
        go_on(batch_id)

    batch_id = kill.survive(lambda: desk.bring(FILE, error_threshold_percent=25)).batch_id
    go_on(batch_id)
    correct(batch_id, 8)
    correct(batch_id, 9)
    correct(batch_id, 10, reference="SJ-1")
    block(desk, batch_id, 2, 9)
    kill.survive(lambda: desk.take_back.undo(batch_id, "eve", "the wrong file"))
    go_on(batch_id)
    kill.survive(lambda: desk.take_back.reset(batch_id, "eve", "right after all"))
    go_on(batch_id)
    seen.append(replace(desk.batch(batch_id), received_at=None))
    jobs = {job.job_id: job for job in desk.jobs(batch_id)}
    assert len(jobs) == len(desk.jobs(batch_id))
    status = {job_id: decider.fold(ledger.load(job_id).events).status for job_id in jobs}
    seen.append(sorted((job.row, status[job_id].value) for job_id, job in jobs.items()))
    return seen


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return life(tmp_path_factory.mktemp("files"), Kill(NEVER, behind=False))


def test_the_life_goes_through_every_state(undisturbed):
    statuses = [BatchStatus.REJECTED, *[BatchStatus.PROCESSING] * 3, BatchStatus.UNDONE, BatchStatus.PROCESSING]
    assert undisturbed[0:12:2] == statuses
    assert undisturbed[-1] == sorted(
        [(row, "cancelled") for row in (1, 3, 4, 5, 6, 7, 8, 12, 13, 14)]
        + [(row, "blocked") for row in (2, 9)]
        + [(row, "running") for row in (1, 3, 4, 5, 6, 7, 8, 12, 13, 14)]
    )


@pytest.mark.acceptance("S.09", part="an interrupted import is taken over, at whatever step it was")
@pytest.mark.acceptance("1.34", part="a batch that stopped in the middle goes on by itself")
@pytest.mark.parametrize("behind", [False, True])
def test_killed_at_any_step_and_taken_up_again_each_row_is_there_once(tmp_path, undisturbed, behind):
    kill, at = Kill(NEVER, behind=behind), 0
    while at == 0 or kill.left <= 0:
        at += 1
        kill = Kill(at, behind=behind)
        assert life(tmp_path / str(at), kill) == undisturbed, f"killed at call {at}"
    assert at > 60
    assert min(kill.calls.values()) > 0, "every kind of call was among them"
