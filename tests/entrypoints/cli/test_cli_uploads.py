"""`dispatch batch upload`: good files, the same file twice, following one, and every kind of bad input."""

import gzip
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from dispatch.domain.batch.state import BatchStatus

pytestmark = pytest.mark.postgres
HEADER = "reference,service,price,customer_name,phone,postcode,lawful_basis,sale_ref\n"
ROW = "J-1,boiler service,85.00,Ann Example,07700 900123,LS1 4AP,contract,S-1\n"
BAD_CONTENT = {
    "file_empty": b"",
    "no_rows": HEADER.encode(),
    "header_missing": (ROW * 3).encode(),
    "delimiter_unknown": (HEADER + ROW).replace(",", "^").encode(),
    "encoding_not_utf8": (HEADER + ROW.replace("Ann", "Zoë")).encode("cp1252"),
    "quote_unclosed": (HEADER + ROW.replace("Ann Example", '"Ann Example') + ROW).encode(),
    "nul_byte": gzip.compress(HEADER.encode() * 50, mtime=0) + bytes(20),
}


@contextmanager
def roles(system) -> Iterator[None]:
    """What intake, workers, projector and timers do, in a thread."""
    stop = Event()

    def work() -> None:
        while not stop.wait(0.02):
            system.project()
            for batch in system.app.queries.batches():
                if batch.status is BatchStatus.UPLOADED:
                    system.admit(batch.batch_id)
                elif batch.status is BatchStatus.PROCESSING:
                    system.deliver(batch.batch_id)

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def nothing_written(system) -> bool:
    files = [path for path in (system.app.settings.data / "files").rglob("*") if path.is_file()]
    return system.app.ledger.head() == 0 and not files


def test_a_file_becomes_a_batch(system, run, jobs_file):
    answer = run("batch", "upload", jobs_file())
    assert answer.code == 0
    system.project()
    [batch] = system.app.queries.batches()
    assert answer.out.splitlines() == [
        f"Received jobs.csv as batch {batch.batch_id[:8]}.",
        f"See what becomes of it: dispatch batch show {batch.batch_id[:8]}",
    ]
    assert (batch.status, batch.file_name, batch.error_threshold_percent) == (BatchStatus.UPLOADED, "jobs.csv", 10)


@pytest.mark.acceptance("1.01")
def test_the_same_content_is_the_same_batch_and_says_which_was_first(system, run, jobs_file):
    first = run("batch", "upload", jobs_file(name="monday.csv"), "--json").json()
    again = run("batch", "upload", jobs_file(name="tuesday.csv"), "--json").json()
    assert first["duplicate"] is False
    assert again == {**first, "duplicate": True}
    assert again["file_name"] == "monday.csv"
    told = run("batch", "upload", jobs_file(name="tuesday.csv"))
    assert told.code == 0
    assert f"This file is batch {first['batch_id'][:8]} already (monday.csv, by " in told.out
    assert "--force" in told.out
    assert system.app.ledger.head() == 1


def test_forced_it_is_a_batch_of_its_own(system, run, jobs_file):
    first = run("batch", "upload", jobs_file(), "--json").json()
    forced = run("batch", "upload", jobs_file(), "--force", "--threshold", "25", "--json").json()
    assert forced["duplicate"] is False
    assert forced["batch_id"] != first["batch_id"]
    assert forced["file_hash"] == first["file_hash"]
    system.project()
    row = system.app.queries.batch(forced["batch_id"])
    assert (row.run, row.error_threshold_percent) == (2, 25)


@pytest.mark.acceptance("1.26", part="the message at the command line")
def test_waiting_for_a_good_file(system, run, jobs_file):
    with roles(system):
        answer = run("batch", "upload", jobs_file(good=12), "--wait")
    assert answer.code == 0
    assert "Batch Complete. 12 Rows Ingested." in answer.out
    assert "complete: 12 delivered, 0 blocked, 0 cancelled" in answer.out
    assert "intake  12/12" in answer.err
    assert "confirm  12/12" in answer.err


@pytest.mark.acceptance("1.27", part="the message at the command line")
def test_waiting_for_a_file_with_some_errors(system, run, jobs_file):
    with roles(system):
        answer = run("batch", "upload", jobs_file(good=19, bad=1), "--wait")
    assert answer.code == 0
    assert "Batch Complete with Warnings. 19 Ingested, 1 Error." in answer.out
    assert "The refused values: dispatch batch errors" in answer.out


@pytest.mark.acceptance("1.28", part="the message at the command line")
def test_waiting_for_a_file_that_is_rejected_ends_with_1(system, run, jobs_file):
    path = jobs_file(good=17, bad=3)
    with roles(system):
        answer = run("batch", "upload", path, "--wait")
        again = run("batch", "upload", path, "--wait", "--json")
    assert answer.code == 1
    assert "Batch Rejected. Error Rate 15% > 10% Budget." in answer.out
    assert again.code == 1
    assert again.err == ""
    assert again.json()["message"] == "Batch Rejected. Error Rate 15% > 10% Budget."
    assert again.json()["batch"]["status"] == "rejected"


@pytest.mark.parametrize("code", BAD_CONTENT)
def test_bad_content_is_one_block_and_nothing_is_written(system, run, tmp_path: Path, code: str):
    path = tmp_path / "bad.csv"
    path.write_bytes(BAD_CONTENT[code])
    told, answer = run("batch", "upload", path), run("batch", "upload", path, "--json")
    assert (told.code, answer.code) == (1, 1)
    error = answer.json()["error"]
    assert error["code"] == code
    assert all(error.values())
    assert (answer.err, told.out) == ("", "")
    assert told.err.splitlines() == [
        f"error {code}",
        f"  what   {error['what']}",
        f"  where  {error['where']}",
        f"  fix    {error['fix']}",
    ]
    assert nothing_written(system)


def test_a_missing_file_names_the_nearest(system, run, jobs_file):
    path = jobs_file(name="jobs-monday.csv")
    answer = run("batch", "upload", path.with_name("jobs-mondy.csv"))
    assert answer.code == 1
    assert answer.err.startswith("error file_missing\n")
    assert f"fix    did you mean {path}" in answer.err
    assert nothing_written(system)


def test_a_folder_is_no_file(system, run, tmp_path: Path):
    answer = run("batch", "upload", tmp_path)
    assert answer.code == 1
    assert answer.err.startswith("error file_is_directory\n")
    assert nothing_written(system)


def test_an_unknown_profile_lists_the_known(system, run, jobs_file):
    answer = run("batch", "upload", jobs_file(), "--profile", "parcels")
    assert answer.code == 1
    assert answer.err.startswith("error profile_unknown\n")
    assert "known: service-job" in answer.err


def test_a_file_from_the_standard_input(system, jobs_file: Callable[..., Path]):
    command = [sys.executable, "-m", "dispatch.entrypoints.cli.main", "batch", "upload", "-"]
    with jobs_file().open("rb") as source:
        done = subprocess.run(command, stdin=source, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Received stdin as batch ")
    assert system.app.ledger.head() == 1


def test_a_line_of_200_mb_is_refused_after_its_first_megabyte(system):
    """The sender is told early: it cannot even write the rest."""
    command = [sys.executable, "-m", "dispatch.entrypoints.cli.main", "batch", "upload", "-"]
    piece, sent = b"x" * (1 << 20), 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        try:
            process.stdin.write(HEADER.encode())
            for _ in range(200):
                process.stdin.write(piece)
                sent += len(piece)
            process.stdin.close()
        except BrokenPipeError:
            pass
        error = process.stderr.read().decode()
        code = process.wait(60)
    assert code == 1
    assert error.startswith("error line_too_long\n")
    assert "where  line 2\n" in error
    assert sent < 20 << 20
    assert nothing_written(system)
