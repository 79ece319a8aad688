"""Sources from the command line, on real folders and a real web server: what is new is taken, once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dispatch.adapters.sources import folders
from dispatch.domain.events import event_name
from dispatch.domain.identity import source_id
from web_files import WebFiles, web_files

pytestmark = pytest.mark.postgres
HEADER = "reference,service,price,customer_name,postcode\n"
KILLED_WHEN_IT_MOVES = """
import os, signal
from dispatch.adapters.sources.folders import FileOfFolder
FileOfFolder.take = lambda self, day: os.kill(os.getpid(), signal.SIGKILL)
from dispatch.entrypoints.cli.main import main
main()
"""


def rows(*numbers: int) -> str:
    return HEADER + "".join(f"J-{n},eicr,85.00,Ann Example,LS1 4AP\n" for n in numbers)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(folders, "SETTLED_AFTER_S", 0.01)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    monkeypatch.setenv("DISPATCH_SOURCE_FOLDERS", f"/nowhere:{folder}")
    return folder


@pytest.fixture
def server(monkeypatch) -> Iterator[WebFiles]:
    monkeypatch.setenv("DISPATCH_SOURCE_PRIVATE_HOSTS", "127.0.0.0/8")
    with web_files() as running:
        yield running


def events(system, name: str) -> list[str]:
    return [event_name(event) for event in system.app.ledger.load(source_id(name)).events]


def batches(system) -> list[tuple[int, int, int]]:
    """Rows, jobs and duplicates of every batch, the first one first."""
    system.project()
    for batch in reversed(system.app.queries.batches()):
        system.admit(batch.batch_id)
    return [(b.rows, b.jobs, b.duplicates) for b in reversed(system.app.queries.batches())]


@pytest.mark.acceptance("1.58", part="a watched folder")
def test_a_file_that_appears_in_a_folder_is_taken_once_and_moved_away(system, run, inbox):
    (inbox / "jobs.csv").write_text(rows(1, 2))
    (inbox / "more.json").write_text(
        json.dumps([dict(zip(HEADER.strip().split(","), ["K-1", "eicr", "1", "A", "M1 1AA"], strict=True))])
    )
    assert run("source", "add", "letters", "--kind", "folder", "--location", inbox).code == 0
    answer = run("source", "check", "letters")
    assert (answer.code, "was taken" in answer.out) == (0, True)
    assert batches(system) == [(2, 2, 0), (1, 1, 0)]
    assert sorted(path.name for path in (inbox / "taken").rglob("*.*")) == ["jobs.csv", "more.json"]
    assert "nothing new" in run("source", "check", "letters").out
    assert events(system, "letters") == ["SourceAdded", "SourceChecked", "SourceChecked"]
    first = system.app.queries.batches()[-1]
    received = system.app.ledger.load(first.batch_id).events[0]
    assert (received.by, received.file_name) == ("source:letters", "jobs.csv")

    (inbox / "again.csv").write_text(rows(1, 2))
    assert run("source", "check", "letters").code == 0
    assert batches(system) == [(2, 2, 0), (1, 1, 0)]
    shown = run("source", "show", "letters", "--json").json()
    assert (shown["batches"], shown["known_again"], shown["refused"]) == (2, 1, 0)


def test_a_file_that_cannot_be_taken_is_put_aside_with_the_reason(system, run, inbox):
    (inbox / "bad.csv").write_text("reference,service\nJ-1,eicr\n")
    (inbox / "good.csv").write_text(rows(1))
    run("source", "add", "letters", "--kind", "folder", "--location", inbox)
    answer = run("source", "check", "letters", "--json")
    assert (answer.code, answer.json()["outcome"]) == (1, "refused")
    why = (inbox / "refused" / "bad.csv.why.txt").read_text()
    assert why.splitlines() == [
        "What is wrong: required columns are missing: price, customer_name, postcode",
        "Where: the header, line 1",
        "How to fix it: add price; add customer_name; add postcode",
    ]
    assert batches(system) == [(1, 1, 0)]
    system.project()
    [row] = run("source", "list", "--json").lines()
    assert (row["refused"], row["batches"], row["outcome"]) == (1, 1, "refused")
    assert "bad.csv" in run("source", "show", "letters").out


@pytest.mark.acceptance("1.58", part="a crash between receiving and moving")
def test_a_kill_between_receiving_and_moving_is_harmless(system, run, inbox):
    (inbox / "jobs.csv").write_text(rows(1, 2, 3))
    run("source", "add", "letters", "--kind", "folder", "--location", inbox)
    command = [sys.executable, "-c", KILLED_WHEN_IT_MOVES, "source", "check", "letters"]
    killed = subprocess.run(command, env=dict(os.environ), capture_output=True, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert (inbox / "jobs.csv").exists()
    assert batches(system) == [(3, 3, 0)]
    assert run("source", "check", "letters").code == 0
    assert batches(system) == [(3, 3, 0)]
    assert not (inbox / "jobs.csv").exists()
    assert events(system, "letters") == ["SourceAdded", "SourceChecked"]


@pytest.mark.acceptance("1.58", part="a file is looked at again")
def test_a_file_that_changes_becomes_a_new_batch_whose_known_rows_are_duplicates(system, run, inbox):
    path = inbox / "prices.csv"
    path.write_text(rows(1, 2))
    run("source", "add", "prices", "--kind", "file", "--location", path)
    for _ in range(3):
        assert run("source", "check", "prices").code == 0
    path.touch()
    assert "nothing new" in run("source", "check", "prices").out
    assert events(system, "prices") == ["SourceAdded", "SourceChecked"]
    path.write_text(rows(1, 2, 3))
    assert "was taken" in run("source", "check", "prices").out
    assert batches(system) == [(2, 2, 0), (3, 1, 2)]
    assert path.exists()


@pytest.mark.acceptance("1.58", part="another server's file is looked at again")
def test_a_servers_file_is_fetched_when_it_has_changed(system, run, server):
    server.files["/jobs.csv"] = rows(1, 2).encode()
    added = run("source", "add", "crm", "--kind", "http", "--location", f"{server.url}/jobs.csv", "--every", 60)
    assert added.code == 0, added.err
    assert run("source", "check", "crm").code == 0
    assert "nothing new" in run("source", "check", "crm").out
    server.files["/jobs.csv"] = rows(2, 3).encode()
    assert run("source", "check", "crm").code == 0
    assert batches(system) == [(2, 2, 0), (2, 1, 1)]
    assert [headers.get("if-none-match") is not None for _, headers in server.asked] == [False, True, True]
    assert events(system, "crm") == ["SourceAdded", "SourceChecked", "SourceChecked"]


def test_failures_back_off_and_show(system, run, server):
    server.files["/jobs.csv"] = rows(1).encode()
    server.statuses["/jobs.csv"] = 503
    run("source", "add", "crm", "--kind", "http", "--location", f"{server.url}/jobs.csv", "--every", 60)
    waits = []
    for _ in range(8):
        look = run("source", "check", "crm", "--json").json()
        row = run("source", "show", "crm", "--json").json()
        assert (look["outcome"], look["detail"]) == (
            "failed",
            "The server answered 503: check the address, and the server.",
        )
        waits.append((datetime.fromisoformat(look["next_at"]) - datetime.fromisoformat(look["at"])).total_seconds())
    assert waits == [120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert row["failures"] == 8
    assert "503" in run("source", "show", "crm").out
    assert events(system, "crm") == ["SourceAdded"]
    del server.statuses["/jobs.csv"]
    assert run("source", "check", "crm", "--json").json()["failures"] == 0


def test_a_bad_file_of_a_server_is_refused_once_and_told(system, run, server):
    server.files["/jobs.csv"] = b"\xff\xfe"
    server.no_marks = True
    run("source", "add", "crm", "--kind", "http", "--location", f"{server.url}/jobs.csv")
    for _ in range(3):
        answer = run("source", "check", "crm")
        assert (answer.code, "not UTF-8" in answer.out) == (1, True)
    assert events(system, "crm") == ["SourceAdded", "SourceChecked"]


REFUSED = {
    "a folder that is not allowed": (["--kind", "folder", "--location", "/etc"], "source_location_invalid"),
    "a folder that is not there": (["--kind", "folder", "--location", "{inbox}/none"], "source_location_invalid"),
    "plain http": (["--kind", "http", "--location", "http://example.com/a"], "source_location_invalid"),
    "a user in the address": (["--kind", "http", "--location", "https://a:b@example.com/"], "source_location_invalid"),
    "no place": (["--kind", "file"], "source_location_invalid"),
    "a webhook with a place": (["--kind", "webhook", "--location", "/x"], "source_location_invalid"),
    "an interval of nothing": (["--kind", "webhook", "--every", "0"], "source_interval_invalid"),
    "an unknown profile": (["--kind", "webhook", "--profile", "spaceship"], "profile_unknown"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_be_no_source_is_refused_and_nothing_is_recorded(system, run, inbox, what):
    options, code = REFUSED[what]
    answer = run("source", "add", "x", *(option.format(inbox=inbox) for option in options), "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, code)
    assert system.app.ledger.head() == 0


def test_a_source_is_added_paused_resumed_and_removed(system, run, inbox):
    add = ("source", "add", "letters", "--kind", "folder", "--location", inbox)
    assert run(*add, "--json").json()["recorded"] is True
    assert run(*add, "--json").json()["recorded"] is False
    assert run(*add, "--every", 9, "--json").json()["error"]["code"] == "source_exists"
    assert "is paused." in run("source", "pause", "letters", "--reason", "quiet").out
    assert "paused already" in run("source", "pause", "letters").out
    assert run("source", "check", "letters", "--json").json()["error"]["code"] == "source_paused"
    system.project()
    assert system.app.look_at_source.due() == []
    assert "looked at again" in run("source", "resume", "letters").out
    system.project()
    assert [row.name for row in system.app.look_at_source.due()] == ["letters"]
    assert "is removed." in run("source", "remove", "letters").out
    system.project()
    assert run("source", "list", "--json").out == ""
    assert run("source", "show", "letters", "--json").json()["error"]["code"] == "source_unknown"
    assert events(system, "letters") == ["SourceAdded", "SourcePaused", "SourceResumed", "SourceRemoved"]
