"""Ledgers that earlier versions wrote (tests/fixtures/) are read, shown and verified by the code of today."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dispatch.adapters.codec import decode
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.queries import PostgresQueries
from dispatch.application.account import account
from dispatch.domain.batch.decide import decider as batches
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.events import event_name
from dispatch.domain.job.decide import decider as jobs
from dispatch.verifier import dispatch_verify as verifier
from earlier_ledgers import FIRST, entries, lines, restored_ledger

ENDS = {"delivered": 5, "blocked": 3, "cancelled": 2}
STORED_BY_0_1 = {
    "BatchAdmitted", "BatchClosed", "BatchJudged", "BatchReceived", "BatchRejected", "ChunkAdmitted", "JobBlocked",
    "JobCancelled", "JobDelivered", "JobEscalated", "JobOpened", "JobResumed", "RetryScheduled", "RowsRefused",
    "StageCompleted", "StageFailed", "StageStarted",
}  # fmt: skip


def test_every_event_is_read():
    names = {event_name(decode(entry["name"], entry["state"].encode())) for entry in entries()}
    assert names == {entry["name"] for entry in entries()} == STORED_BY_0_1


def test_every_stream_is_folded_to_what_it_was():
    streams: dict[str, list[Any]] = {}
    for entry in entries():
        streams.setdefault(entry["stream"], []).append(decode(entry["name"], entry["state"].encode()))
    ended: Counter[str] = Counter()
    for events in streams.values():
        if event_name(events[0]) == "JobOpened":
            job = jobs.fold(events)
            ended[str(job.status)] += 1
            assert job.ended
            assert job.person.name.endswith(" Sample")  # 0.1 stored it in plain text.
        else:
            ended[str(batches.fold(events).status)] += 1
    assert ended == {**ENDS, "complete_with_exceptions": 1, "rejected": 1}


@pytest.mark.postgres
def test_every_view_shows_it(database_url: str):
    with restored_ledger(database_url) as ledger:
        assert_every_view_shows(ledger, database_url)


def assert_every_view_shows(restored: PostgresLedger, database_url: str):
    projector = Projector(database_url, restored)
    projector.prepare()
    while projector.step():
        pass
    projector.close()
    engine = open_engine(database_url, read_only=True)
    queries = PostgresQueries(engine, ["enrich", "dispatch", "confirm"])
    shown = {batch.status: batch for batch in queries.batches()}
    whole = shown[BatchStatus.COMPLETE_WITH_EXCEPTIONS]
    assert {name: getattr(whole, name) for name in ENDS} == ENDS
    assert (whole.rows, whole.rejected, whole.duplicates, whole.jobs) == (12, 1, 1, 10)
    assert BatchStatus.REJECTED in shown
    assert len(queries.jobs(batch_id=whole.batch_id)) == 10
    assert [row.code for row in queries.row_errors(whole.batch_id)] == ["invalid_money"]
    assert account(restored, whole.batch_id).adds_up
    engine.dispose()


def test_it_is_what_was_signed(capsys):
    assert verifier.main(["export", str(FIRST / "ledger.ndjson"), "--key", str(FIRST / "key.txt")]) == 0
    assert f"{len(entries())} events, number 0 to {len(entries()) - 1}" in capsys.readouterr().out
    assert verifier.main(["checkpoint", str(FIRST / "checkpoint.txt"), "--key", str(FIRST / "key.txt")]) == 0
    assert json.loads(lines()[-1])["checkpoint"] == (FIRST / "checkpoint.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "place", "before", "after"),
    [
        ("entry", 0, "Z", "Y"),
        ("entry", 0, '"actor":"ann"', '"actor":"bob"'),
        ("entry", 40, '"version":', '"version":1'),
        ("entry", -1, '\\"at\\":\\"2026', '\\"at\\":\\"2025'),
        ("proof", 0, "118", "117"),
    ],
)
def test_one_changed_byte_is_found(tmp_path: Path, capsys, kind: str, place: int, before: str, after: str):
    text = lines()
    number = [n for n, line in enumerate(text) if json.loads(line)["kind"] == kind][place]
    assert before in text[number]
    text[number] = text[number].replace(before, after, 1)
    changed = tmp_path / "changed.ndjson"
    changed.write_text("".join(text), encoding="utf-8")
    assert verifier.main(["export", str(changed), "--key", str(FIRST / "key.txt")]) == 1
    assert capsys.readouterr().out.startswith("NOT GOOD")
