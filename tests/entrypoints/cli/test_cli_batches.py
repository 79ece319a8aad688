"""`dispatch batch list | show | errors`: what is shown of batches, for people and for programs."""

import csv
import io

import pytest

from dispatch.domain.job.commands import Block, GiveUp

pytestmark = pytest.mark.postgres


def upload(run, path, *options: str) -> str:
    answer = run("batch", "upload", path, "--json", *options)
    assert answer.code == 0, answer.out
    return answer.json()["batch_id"]


def test_no_batches_yet_says_what_makes_one(system, run):
    answer = run("batch", "list")
    assert (answer.code, answer.out) == (0, "")
    assert "dispatch batch upload" in answer.err
    assert run("batch", "list", "--json").out == ""


def test_the_list(system, run, jobs_file):
    first = upload(run, jobs_file(good=9, bad=1, name="a[b].csv"))
    second = upload(run, jobs_file(good=2, prefix="OTHER", name="other.csv"))
    system.admit(first)
    system.project()
    listed = run("batch", "list", "--json").lines()
    assert [row["batch_id"] for row in listed] == [second, first]
    table = run("batch", "list").out
    [line] = [line for line in table.splitlines() if first[:8] in line]
    assert line.split()[:7] == [first[:8], "a[b].csv", "processing", "10", "9", "1", "0"]
    assert line.split()[-1] == "ago"
    assert len(run("batch", "list", "--limit", "1", "--json").lines()) == 1


def test_a_batch_by_the_beginning_of_its_id(system, run, jobs_file):
    batch_id = upload(run, jobs_file(good=9, bad=1))
    system.admit(batch_id)
    whole = run("batch", "show", batch_id, "--json").json()
    assert run("batch", "show", batch_id[:8].upper(), "--json").json() == whole
    assert run("batch", "show", batch_id.replace("-", "")[:13], "--json").json() == whole
    assert whole["batch"]["running"] == 9
    assert whole["message"]["text"] == "Batch Complete with Warnings. 9 Ingested, 1 Error."
    assert [error["code"] for error in whole["first_errors"]] == ["invalid_money"]


@pytest.mark.acceptance("1.29", "1.30", part="at the command line")
def test_a_batch_for_people(system, run, jobs_file):
    batch_id = upload(run, jobs_file(good=60, bad=6))
    system.admit(batch_id)
    text = run("batch", "show", batch_id).out
    assert "Batch Complete with Warnings. 60 Ingested, 6 Errors." in text
    assert "Parse Time " in text
    assert " | DB Time " in text
    assert " rows/s" in text
    assert text.count("invalid_money") == 5
    assert f"dispatch batch errors {batch_id[:8]} --csv errors.csv" in text


@pytest.mark.parametrize(("asked", "code"), [("zz", "batch_id_invalid"), ("0" * 8, "batch_unknown")])
def test_an_id_that_is_none_is_refused(system, run, asked: str, code: str):
    answer = run("batch", "show", asked)
    assert answer.code == 1
    assert answer.err.startswith(f"error {code}\n")
    assert "dispatch batch list" in answer.err


def test_a_beginning_that_two_ids_share_is_refused(system, run, jobs_file):
    ids = [upload(run, jobs_file(good=1, prefix=f"P{number}", name="a.csv")) for number in range(17)]
    system.project()
    shared = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
    answer = run("batch", "show", shared)
    assert answer.code == 1
    assert answer.err.startswith("error batch_id_ambiguous\n")


@pytest.mark.acceptance("S.08", part="the columns of the error report")
def test_the_report_of_refused_values(system, run, jobs_file, tmp_path):
    batch_id = upload(run, jobs_file(good=60, bad=6))
    system.admit(batch_id)
    path = tmp_path / "errors.csv"
    written = run("batch", "errors", batch_id, "--csv", path)
    assert (written.code, written.out) == (0, "")
    assert f"Wrote 6 refused values to {path}" in written.err
    text = path.read_bytes().decode()
    assert text.splitlines()[0] == '"row_number","field","error_type","error_message","raw_value"'
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["row_number"] for row in rows] == ["61", "62", "63", "64", "65", "66"]
    assert {(row["field"], row["error_type"], row["raw_value"]) for row in rows} == {
        ("price", "invalid_money", "cheap")
    }
    assert run("batch", "errors", batch_id, "--csv", "-").out.splitlines() == text.splitlines()
    assert run("batch", "errors", batch_id, "--csv", path, "--json").json() == {"file": str(path), "errors": 6}


def test_refused_values_for_people_and_programs(system, run, jobs_file):
    batch_id = upload(run, jobs_file(good=60, bad=6))
    system.admit(batch_id)
    answer = run("batch", "errors", batch_id, "--limit", "2")
    assert answer.out.count("invalid_money") == 2
    assert "The first 2 of 6" in answer.err
    errors = run("batch", "errors", batch_id, "--limit", "2", "--json").lines()
    assert [(error["row"], error["column"], error["found"]) for error in errors] == [
        (61, "price", "cheap"),
        (62, "price", "cheap"),
    ]


def test_a_report_that_cannot_be_written_is_one_block(system, run, jobs_file, tmp_path):
    batch_id = upload(run, jobs_file(good=9, bad=1))
    system.admit(batch_id)
    answer = run("batch", "errors", batch_id, "--csv", tmp_path / "missing" / "errors.csv")
    assert answer.code == 1
    assert answer.err.startswith("error file_unusable\n")
    assert f"where  {tmp_path}/missing/errors.csv\n" in answer.err


def test_the_account_adds_up_and_says_where_the_time_went(system, run, jobs_file):
    batch_id = upload(run, jobs_file(good=10, bad=1, repeated=2))
    system.admit(batch_id)
    jobs = [job.job_id for job in system.app.queries.jobs(batch_id=batch_id)]
    system.settle(batch_id, "validate", GiveUp("missing_required_fields"), only=jobs[:1])
    for stage in ("validate", "promote", "slots", "enrich", "verify"):
        system.settle(batch_id, stage)
    system.settle(batch_id, "clear", Block("PE10", "no_basis"), only=jobs[1:3])
    system.deliver(batch_id, from_stage="clear")
    answer = run("batch", "show", batch_id, "--account")
    sum_ = "13 rows = 7 delivered + 1 escalated + 2 blocked + 0 cancelled + 1 rejected + 2 duplicates"
    assert f"Adds up, counted from the ledger: {sum_}" in answer.out
    assert "jobs per second through all stages" in answer.out
    summary = run("batch", "show", batch_id, "--account", "--json").json()["summary"]
    assert summary["adds_up"] is True
    assert [stage["jobs"] for stage in summary["account"]["stages"]] == [10, 9, 9, 9, 9, 9, 7, 7]
    assert summary["jobs_per_s"] > 0
    assert run("batch", "show", batch_id, "--json").json()["batch"]["status"] == "waiting_on_people"
