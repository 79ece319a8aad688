"""`dispatch batch errors --corrections | correct | undo | reset`: mending batches from the command line."""

import csv
import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from dispatch.domain.batch.state import BatchStatus

pytestmark = pytest.mark.postgres


@contextmanager
def roles(system, *, working: bool = True) -> Iterator[None]:
    """What intake, workers (unless told otherwise), projector and timers do, in a thread."""
    stop = Event()

    def work() -> None:
        while not stop.wait(0.02):
            system.project()
            for batch in system.app.queries.batches():
                system.app.take_in(batch.batch_id)
                if working and batch.status is BatchStatus.PROCESSING:
                    system.deliver(batch.batch_id)

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def mend(path: Path, *, rows: int = 0) -> None:
    """Correct the prices of the first rows of the file, or of all of them, and save it as a spreadsheet does."""
    lines = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    for line in lines[: rows or None]:
        line["price"] = "85.00"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)


@pytest.fixture
def batch_id(system, run, jobs_file) -> str:
    """Twenty good rows and two refused ones, delivered as far as can be."""
    batch_id = str(run("batch", "upload", jobs_file(20, bad=2), "--json").json()["batch_id"])
    system.admit(batch_id)
    system.deliver(batch_id)
    return batch_id


@pytest.mark.acceptance("1.15", part="mended from the command line until the batch is whole")
@pytest.mark.acceptance("1.26", part="after repair")
def test_the_refused_rows_go_out_and_come_back_until_the_batch_is_whole(system, run, batch_id, tmp_path):
    assert system.app.queries.batch(batch_id).status is BatchStatus.COMPLETE_WITH_EXCEPTIONS
    path = tmp_path / "mend.csv"
    written = run("batch", "errors", batch_id[:8], "--corrections", path)
    assert (written.code, written.out) == (0, "")
    assert "Wrote 2 refused rows to" in written.err
    assert "holds personal data" in written.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir() if found.suffix == ".part"] == []
    mend(path, rows=1)
    with roles(system):
        half = run("batch", "correct", batch_id[:8], path, "--wait")
        assert half.code == 0, half.err
        assert "Received 2 corrected rows" in half.out
        assert "1 mended, 1 refused again, 0 duplicates, 0 ignored" in half.out
        assert "Batch Complete with Warnings. 21 Ingested, 1 Error." in half.out
        assert "1 row is refused still" in half.out
        assert run("batch", "errors", batch_id, "--corrections", path, "--json").json() == {
            "file": str(path),
            "rows": 1,
        }
        mend(path)
        whole = run("batch", "correct", batch_id, path, "--wait", "--json").json()
    assert (whole["correction"], whole["message"]) == (2, "Batch Complete. 22 Rows Ingested.")
    assert (whole["judged"]["accepted"], whole["batch"]["rejected"], whole["batch"]["status"]) == (1, 0, "complete")
    assert "2, 2 judged; 2 rows mended" in run("batch", "show", batch_id).out
    again = run("batch", "correct", batch_id, path)
    assert (again.code, again.out) == (
        0,
        f"These are corrections 2 of batch {batch_id[:8]} already. Nothing was done.\n",
    )


@pytest.mark.acceptance("1.28", part="a rejected batch that corrections do not save is rejected again, exit code 1")
def test_a_rejected_batch_is_judged_again_with_its_corrections(system, run, jobs_file, tmp_path):
    batch_id = run("batch", "upload", jobs_file(6, bad=4), "--json").json()["batch_id"]
    system.admit(batch_id)
    path = tmp_path / "mend.csv"
    run("batch", "errors", batch_id, "--corrections", path)
    mend(path, rows=1)
    with roles(system):
        refused = run("batch", "correct", batch_id, path, "--wait")
        assert refused.code == 1
        assert "the whole batch is judged again" in refused.out
        assert "Batch Rejected. Error Rate 30% > 10% Budget." in refused.out
        mend(path)
        assert run("batch", "correct", batch_id, path, "--wait").code == 0
    assert system.app.queries.batch(batch_id).jobs == 10


def test_the_file_goes_to_the_standard_output_and_the_warning_to_the_other(run, batch_id):
    answer = run("batch", "errors", batch_id, "--corrections", "-")
    assert answer.out.startswith("\ufeff")
    assert len(list(csv.reader(io.StringIO(answer.out)))) == 3
    assert "holds personal data" in answer.err


def test_a_correction_that_cannot_be_taken_is_one_block(run, batch_id, jobs_file):
    refused = run("batch", "correct", batch_id, jobs_file(1, name="other.csv"))
    assert refused.code == 1
    assert refused.err.startswith("error row_column_missing\n")
    assert run("batch", "correct", batch_id, "nowhere.csv").err.startswith("error file_missing\n")
    both = run("batch", "errors", batch_id, "--csv", "a.csv", "--corrections", "b.csv")
    assert both.code == 2


@pytest.fixture
def open_batch(system, run, jobs_file) -> str:
    """Five jobs: the first one is delivered."""
    batch_id = str(run("batch", "upload", jobs_file(5), "--json").json()["batch_id"])
    system.admit(batch_id)
    first = system.app.queries.jobs(batch_id=batch_id)[0].job_id
    for stage in system.app.stages:
        system.settle(batch_id, stage, only=[first])
    return batch_id


@pytest.mark.acceptance("1.38", part="a dry run says what would happen, and changes nothing")
@pytest.mark.acceptance("S.09", part="rollback of an import")
def test_undo_says_first_what_it_would_do(system, run, open_batch):
    head = system.app.ledger.head()
    dry = run("batch", "undo", open_batch[:8], "--reason", "wrong file", "--dry-run")
    assert dry.code == 0
    assert "would be cancelled  4" in dry.out
    assert "delivered" in dry.out
    answer = run("batch", "undo", open_batch, "--reason", "wrong file", "--dry-run", "--json").json()
    assert (answer["dry_run"], answer["preview"]["cancels"], answer["recorded"]) == (True, 4, [])
    [kept] = answer["preview"]["kept_jobs"]
    assert (kept["row"], kept["why"], kept["status"]) == (1, "ended", "delivered")
    unsure = run("batch", "undo", open_batch, "--reason", "wrong file")
    assert unsure.code == 1, "nobody said yes"
    assert system.app.ledger.head() == head


@pytest.mark.acceptance("1.37", part="undo, then reset, from the command line")
def test_undo_and_reset_bring_the_same_rows_again(system, run, open_batch):
    refused = run("batch", "reset", open_batch, "--reason", "again")
    assert refused.err.startswith("error batch_has_jobs\n")
    assert "dispatch batch undo" in refused.err
    with roles(system, working=False):
        done = run("batch", "undo", open_batch, "--reason", "wrong prices", "--yes", "--wait")
        assert done.code == 0, done.err
        assert "Import Undone. 4 Jobs Cancelled, 1 Kept." in done.out
        assert "asked before" in run("batch", "undo", open_batch, "--reason", "wrong prices", "--yes").out
    reset = run("batch", "reset", open_batch[:8], "--reason", "right after all", "--threshold", "20", "--json")
    assert reset.json()["recorded"] == ["BatchReset"]
    system.app.take_in(open_batch)
    system.project()
    shown = run("batch", "show", open_batch, "--account", "--json").json()
    assert (shown["batch"]["jobs"], shown["batch"]["duplicates"], shown["batch"]["error_threshold_percent"]) == (
        5,
        1,
        20,
    )
    assert (shown["summary"]["account"]["kept"], shown["summary"]["adds_up"]) == (1, True)
    assert run("job", "show", f"{open_batch}:2", "--json").json()["job"]["status"] == "running", "the new one"


def test_a_reason_is_needed(run, open_batch):
    for command in (("undo", "--yes"), ("reset",)):
        assert run("batch", command[0], open_batch, *command[1:]).code == 2
        assert run("batch", command[0], open_batch, *command[1:], "--reason", "  ").code == 2
