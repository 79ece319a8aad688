"""`dispatch ledger`: reading the audit log, and the evidence that it is as it was recorded."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dispatch.adapters.upcasting import SHAPES
from dispatch.domain.job.events import JobOpened
from dispatch.verifier import dispatch_verify as verifier

pytestmark = pytest.mark.postgres


@pytest.fixture
def recorded(system, run, jobs_file) -> str:
    """A batch of five jobs, recorded and not sealed."""
    batch_id: str = run("batch", "upload", jobs_file(good=5), "--json").json()["batch_id"]
    system.admit(batch_id)
    return batch_id


@pytest.fixture
def sealed(recorded: str, run) -> str:
    """The same, sealed; answers the public key."""
    assert run("ledger", "checkpoint", "--sign-now").code == 0
    return (Path(os.environ["DISPATCH_DATA"]) / "checkpoints" / "key.txt").read_text().strip()


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for table in ("stored_events", "seal_checkpoints"):  # As their owner can.
            connection.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER append_only")
        connection.execute(statement)


def test_a_good_ledger_ends_with_0(sealed: str, run):
    answer = run("ledger", "verify", "--json")
    verdict = answer.json()
    assert answer.code == 0
    assert (verdict["good"], verdict["damage"], verdict["unsealed"]) == (True, [], 0)
    assert verdict["events"] == verdict["size"] > 5
    shown = run("ledger", "verify")
    assert (shown.code, shown.err) == (0, "")
    assert "every sealed event is as it was recorded" in shown.out


def test_a_bad_ledger_ends_with_1_and_names_the_event(sealed: str, run, database_url: str):
    execute(database_url, "UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id = 4")
    answer = run("ledger", "verify", "--json")
    [damage] = answer.json()["damage"]
    stream = run("ledger", "show", "4", "--json").json()["stream"]
    assert answer.code == 1
    assert (damage["kind"], damage["position"], damage["stream"]) == ("event_changed", 4, stream)
    shown = run("ledger", "verify")
    assert shown.code == 1
    assert (
        f"BAD  the event at position 4, version {damage['version']} of stream {stream}, is not as it was" in shown.out
    )


SWAP = "UPDATE ledger.stored_events SET notification_id = {1} WHERE notification_id = {0}"
TAMPERED = {
    "one flipped byte": (
        [
            "UPDATE ledger.stored_events SET state = set_byte(state, 9, get_byte(state, 9) # 1)"
            " WHERE notification_id = 4"
        ],
        [("event_changed", 4)],
    ),
    "a deleted tail": (
        [
            "DELETE FROM ledger.stored_events"
            " WHERE notification_id > (SELECT max(notification_id) - 2 FROM ledger.stored_events)"
        ],
        [("event_missing", -1), ("event_missing", 0)],  # Counted from the last one.
    ),
    "two swapped events": (
        [SWAP.format(2, -9), SWAP.format(5, 2), SWAP.format(-9, 5)],
        [("event_changed", 2), ("event_changed", 5)],
    ),
    "one inserted in the past": (
        [
            "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state, notification_id)"
            " VALUES (gen_random_uuid(), 1, 'JobDelivered', '{}', -7)"
        ],
        [("event_late", -7)],
    ),
}


@pytest.mark.acceptance("X6", part="whatever the owner of the database changes is found and named")
@pytest.mark.parametrize("how", TAMPERED)
def test_what_the_owner_of_the_database_does_is_found_and_named(sealed: str, run, database_url: str, how: str):
    statements, expected = TAMPERED[how]
    last = run("ledger", "verify", "--json").json()["size"]
    for statement in statements:
        execute(database_url, statement)
    if how == "a deleted tail":
        expected = [(kind, last + position) for kind, position in expected]
    answer = run("ledger", "verify", "--json")
    assert (answer.code, answer.json()["good"]) == (1, False)
    assert [(one["kind"], one["position"]) for one in answer.json()["damage"]] == expected
    shown = run("ledger", "verify")
    assert shown.code == 1
    assert f"BAD  the event at position {expected[0][1]}, " in shown.out


@pytest.mark.parametrize("how", ["a deleted tail", "one inserted in the past"])
def test_the_doctor_names_what_came_late_or_is_gone(sealed: str, run, database_url: str, how: str):
    assert seal_finding(run)["level"] == "ok"
    for statement in TAMPERED[how][0]:
        execute(database_url, statement)
    finding = seal_finding(run)
    assert finding["level"] == "fail"
    what = "sealed and is gone" if how == "a deleted tail" else "position -7 was put in after its place was sealed"
    assert what in finding["found"]


def test_the_doctor_says_that_the_database_is_behind(sealed: str, run, database_url: str):
    execute(database_url, "DELETE FROM ledger.seal_checkpoints; DELETE FROM ledger.seal_tiles")
    finding = seal_finding(run)
    assert finding["level"] == "fail"
    assert finding["found"].endswith("the database is behind what was signed")


def seal_finding(run):
    [finding] = [one for one in run("doctor", "--json").json()["findings"] if one["name"] == "seal"]
    return finding


def test_what_cannot_be_checked_ends_with_2(recorded: str, run, tmp_path: Path, monkeypatch):
    answer = run("ledger", "verify", "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (2, "key_missing")
    run("ledger", "checkpoint", "--sign-now")
    (tmp_path / "no checkpoint").write_text("nothing")
    answer = run("ledger", "verify", "--since", tmp_path / "no checkpoint")
    assert answer.code == 2
    assert answer.err.startswith("error checkpoint_invalid\n")
    monkeypatch.setenv("DISPATCH_DATABASE_URL", "postgresql://ann@127.0.0.1:1/nowhere")
    answer = run("ledger", "verify")
    assert (answer.code, answer.err.splitlines()[0]) == (2, "error postgres_unreachable")


def test_a_kept_checkpoint_finds_what_was_signed_anew(sealed: str, run, tmp_path: Path, database_url: str):
    kept = tmp_path / "kept.txt"
    kept.write_text(run("ledger", "checkpoint").out)
    assert run("ledger", "verify", "--since", kept, "--key", sealed).code == 0
    execute(database_url, "UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id = 4")
    execute(database_url, "TRUNCATE ledger.seal_tiles, ledger.seal_checkpoints")
    refused = run("ledger", "checkpoint", "--sign-now", "--json")
    assert (refused.code, refused.json()["error"]["code"]) == (1, "seal_refused")
    answer = run("ledger", "verify", "--since", kept, "--json")
    assert answer.code == 1
    assert answer.json()["good"] is False


def test_proofs_and_exports_are_good_for_the_verifier_of_one_file(sealed: str, run, jobs_file, tmp_path: Path):
    first = run("ledger", "checkpoint", "--json").json()["size"]
    assert run("batch", "upload", jobs_file(name="other.csv", prefix="OTHER")).code == 0
    second = run("ledger", "checkpoint", "--sign-now", "--json").json()["size"]
    entry = run("ledger", "show", "3", "--json").json()
    files = {"proof": tmp_path / "proof", "consistency": tmp_path / "grown", "export": tmp_path / "export"}
    assert run("ledger", "prove", "3", "--out", files["proof"]).code == 0
    assert run("ledger", "consistency", first, second, "--out", files["consistency"]).code == 0
    assert run("ledger", "export", "--out", files["export"], "--json").json()["events"] == second
    for kind, path in files.items():
        assert verifier.main([kind, str(path), "--key", sealed]) == 0
    by_name = run("ledger", "prove", f"{entry['stream']}:{entry['version']}")
    assert by_name.out == files["proof"].read_text()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("prove", "99999"), "event_unknown"),
        (("prove", "nothing"), "event_name_invalid"),
        (("prove", "019aaf6c-1c00-83f2-8c1e-7a4d00000007:1"), "event_unknown"),
        (("show", "99999"), "event_unknown"),
        (("consistency", "1", "99999"), "checkpoint_unknown"),
    ],
    ids=" ".join,
)
def test_what_does_not_exist_is_one_block(sealed: str, run, arguments: tuple[str, ...], code: str):
    answer = run("ledger", *arguments, "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, code)


def test_an_event_that_is_not_sealed_yet_is_told_so(sealed: str, run, jobs_file):
    assert run("batch", "upload", jobs_file(name="other.csv", prefix="OTHER")).code == 0
    newest = run("ledger", "tail", "--json").lines()[-1]["position"]
    answer = run("ledger", "prove", newest, "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, "event_not_sealed")
    assert "--sign-now" in answer.json()["error"]["fix"]


def test_a_new_key_goes_on_and_the_old_one_stays_good(sealed: str, run, jobs_file):
    fresh = run("ledger", "rotate-key", "--json").json()["public_key"]
    assert run("batch", "upload", jobs_file(name="other.csv", prefix="OTHER")).code == 0
    assert run("ledger", "checkpoint", "--sign-now").code == 0
    assert fresh != sealed
    for key in ((), ("--key", sealed), ("--key", fresh)):
        assert run("ledger", "verify", *key).code == 0


def test_nobody_sees_personal_data(recorded: str, run):
    read = [
        run("ledger", *arguments) for arguments in (("tail", "--json"), ("search", "--name", "JobOpened", "--json"))
    ]
    for answer in read:
        assert answer.code == 0
        assert not [word for word in ("Ann", "ann1@example", "07700", "+447700", "LS1") if word in answer.out]
    assert read[1].lines()[0]["event"]["person"] == "encrypted"
    assert "Example" not in run("ledger", "show", read[1].lines()[0]["position"]).out


@pytest.fixture
def everything(recorded: str, system, run, jobs_file) -> list[dict[str, Any]]:
    """Two batches, and a job that was cancelled: all events of them."""
    other: str = run("batch", "upload", jobs_file(name="other.csv", prefix="OTHER"), "--json").json()["batch_id"]
    system.admit(other)
    assert run("job", "cancel", f"{recorded}:2", "--reason", "customer moved").code == 0
    return list(run("ledger", "tail", "--limit", "1000", "--json").lines())


def positions(rows: Iterable[dict[str, Any]]) -> list[int]:
    return [row["position"] for row in rows]


@pytest.mark.parametrize("verb", ["search", "tail"])
def test_events_are_found_by_what_they_are_and_who_caused_them(everything, recorded: str, run, verb: str):
    def found(*filters: object) -> list[int]:
        return positions(run("ledger", verb, *filters, "--limit", "1000", "--json").lines())

    def those(**is_: object) -> list[int]:
        return positions(row for row in everything if all(row[name] == value for name, value in is_.items()))

    assert positions(everything) == sorted(positions(everything)) == found()
    last = everything[-1]
    assert last["name"] == "JobCancelled"
    assert found("--stream", recorded) == those(stream=recorded)
    assert found("--job", f"{recorded[:8]}:2") == found("--job", last["stream"]) == those(stream=last["stream"])
    assert found("--batch", recorded[:8]) == found("--correlation", recorded) == those(correlation_id=recorded)
    assert len(found("--batch", recorded[:8])) > 6
    assert found("--name", "JobOpened") == those(name=SHAPES.names[JobOpened])
    assert found("--actor", "intake") == those(actor="intake")
    command = everything[-2]["causation_id"]
    assert found("--command", command) == those(causation_id=command)
    assert found("--command", last["causation_id"]) == [last["position"]]
    assert found("--name", "JobCancelled", "--actor", last["actor"], "--batch", recorded) == [last["position"]]
    assert found("--name", "JobCancelled", "--actor", "intake") == []


def test_events_are_found_by_time_and_position(everything, recorded: str, run):
    def found(*filters: object) -> list[int]:
        return positions(run("ledger", "search", *filters, "--json").lines())

    middle = everything[3]["recorded_at"]
    assert found("--since", middle) == positions(row for row in everything if row["recorded_at"] >= middle)
    assert found("--until", middle) == positions(row for row in everything if row["recorded_at"] < middle)
    assert found("--from", 3, "--to", 5) == [3, 4, 5]
    assert found("--from", 3, "--limit", "2") == [3, 4]
    assert found("--limit", "2") == [1, 2]
    assert positions(run("ledger", "tail", "--to", 5, "--limit", "2", "--json").lines()) == [4, 5]
    text = run("ledger", "search", "--to", 3)
    assert "BatchReceived.2" in text.out
    assert "No such events." in run("ledger", "search", "--name", "JobDelivered").err


def test_a_name_means_all_its_versions(everything, run, database_url: str):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state)"
            " VALUES (gen_random_uuid(), 1, 'JobCancelled.2', '{}'), (gen_random_uuid(), 1, 'JobCancelledNot', '{}')"
        )

    def found(name: str) -> list[str]:
        return [row["name"] for row in run("ledger", "search", "--name", name, "--json").lines()]

    assert found("JobCancelled") == ["JobCancelled", "JobCancelled.2"]
    assert found("JobCancelled.2") == ["JobCancelled.2"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--since", "noon"),
        ("--stream", "noon"),
        ("--command", "noon"),
        ("--from", "0"),
        ("--job", "1", "--stream", "019aaf6c-1c00-83f2-8c1e-7a4d00000007"),
        ("--batch", "1", "--correlation", "019aaf6c-1c00-83f2-8c1e-7a4d00000007"),
    ],
    ids=" ".join,
)
def test_a_filter_that_means_nothing_is_wrong_usage(recorded: str, run, wrong: tuple[str, ...]):
    assert run("ledger", "search", *wrong).code == 2
    assert run("ledger", "search", "--job", f"{recorded}:99").err.startswith("error job_unknown\n")


@contextmanager
def tailing(*options: str) -> Iterator[subprocess.Popen[str]]:
    """`dispatch ledger tail --follow` in a process of its own; killed where the test fails before it has ended."""
    command = [sys.executable, "-m", "dispatch.entrypoints.cli.main", "ledger", "tail", "--follow", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_tail_follows_what_is_recorded(recorded: str, run, jobs_file):
    with tailing("--limit", "1") as following:
        last = json.loads(following.stdout.readline())["position"]
        assert run("batch", "upload", jobs_file(name="other.csv", prefix="OTHER")).code == 0
        fresh = json.loads(following.stdout.readline())
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=60) == 0
    assert fresh["position"] == last + 1
    assert fresh["name"] == "BatchReceived.2"


def test_tail_follows_only_what_is_asked_for(system, recorded: str, run):
    assert run("job", "cancel", f"{recorded}:1", "--reason", "customer moved").code == 0
    with tailing("--name", "JobCancelled") as following:
        told = [json.loads(following.stdout.readline())]
        assert run("job", "cancel", f"{recorded}:2", "--reason", "customer moved").code == 0
        told.append(json.loads(following.stdout.readline()))
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=60) == 0
    assert [entry["name"] for entry in told] == ["JobCancelled"] * 2
    assert told[0]["position"] < told[1]["position"]
