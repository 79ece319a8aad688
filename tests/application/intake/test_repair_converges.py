"""Whatever file, whatever corrections: each row is in one class at each step, until all are good."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_desk import Desk, as_csv
from sqlalchemy.pool import NullPool

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.queries import PostgresQueries
from dispatch.application.account import account
from dispatch.domain.batch.state import BatchStatus
from ledgers import opened_ledger

HEADER = ("Job Ref", "Service", "Price", "Customer", "Phone", "Post Code", "row")
GOOD = {
    "Service": "boiler service",
    "Price": "89.00",
    "Customer": "Ann",
    "Phone": "",
    "Post Code": "LS1 4AP",
    "row": "x",
}
FAULTS = {
    "price": {"Price": "=1+1"},
    "both": {"Price": "cheap", "Post Code": "nowhere"},
    "phone": {"Phone": "+44 12"},
    "name": {"Customer": " "},
    "cells": {"Customer": None},
}
KINDS = ("good", "good", "good", "duplicate", "quoted", *FAULTS)
ANSWERS = ("mend", "mend", "leave", "again", "other fault", "known reference", "lost")
SPARE = {"max_examples": 40, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}

files = st.lists(st.sampled_from(KINDS), min_size=1, max_size=12)
corrections = st.lists(
    st.tuples(st.lists(st.sampled_from(ANSWERS), min_size=12, max_size=12), st.booleans(), st.integers(0, 20)),
    max_size=4,
)
budgets = st.sampled_from((0, 10, 50, 100))


def file_of(kinds, salt):
    """A file with such rows; references are of this example alone."""
    lines = [",".join(HEADER)]
    for number, kind in enumerate(kinds, 1):
        cells = {"Job Ref": f"{salt}-{number}", **GOOD, **FAULTS.get(kind, {})}
        if kind == "duplicate":
            cells["Job Ref"] = f"{salt}-{max(1, number - 2)}"
        if kind == "quoted":
            cells["Customer"] = '"Smith, ""Ann"""'
        lines.append(",".join(cell for cell in cells.values() if cell is not None))
    return "\n".join(lines) + "\n"


def mended(line):
    reference = line["Job Ref"] or uuid4().hex[:12]
    return line | GOOD | {"Job Ref": reference, "Price": "9.00"}


def corrected(lines, answers, reverse, stranger, salt):
    """What a person makes of the file for correction: some rows right, some not, some left out, one of nobody."""
    sent = []
    for line, answer in zip(lines, answers, strict=False):
        if answer == "mend":
            sent.append(mended(line))
        elif answer == "again":
            sent.append(line)
        elif answer == "other fault":
            sent.append(mended(line) | {"Post Code": "here"})
        elif answer == "known reference":
            sent.append(mended(line) | {"Job Ref": f"{salt}-1"})
        elif answer == "lost":
            sent.append(dict.fromkeys(line, "") | {"row_2": line["row_2"], "Price": "9"})
    if stranger and str(stranger) not in {line["row_2"] for line in lines}:
        template = lines[0] if lines else dict.fromkeys((*HEADER, "row_2"), "")
        sent.append(mended(template) | {"Job Ref": f"{salt}-new", "row_2": str(stranger)})
    return sent[::-1] if reverse else sent


def check(desk, batch_id, rows, view=None):
    """State, account, jobs and file (and view) say the same of every row; answers the rows that are refused."""
    batch, counted = desk.batch(batch_id), account(desk.ledger, batch_id)
    jobs = [job.row for job in desk.jobs(batch_id)]
    refused = [int(line["row_2"]) for line in desk.to_correct(batch_id)]
    assert len(set(jobs)) == len(jobs)
    assert len(set(refused)) == len(refused)
    assert not set(jobs) & set(refused)
    assert counted.adds_up
    assert (batch.rows, batch.rejected) == (rows, len(refused)) == (counted.rows, counted.rejected)
    if batch.status is BatchStatus.REJECTED:
        assert jobs == []
        assert counted.not_admitted + counted.duplicates + len(refused) == rows
    else:
        assert batch.jobs == len(jobs) == counted.open
        assert len(jobs) + counted.duplicates + len(refused) == rows
        assert batch.duplicates >= counted.duplicates - counted.not_admitted
    if view is not None:
        row, errors = view(batch_id)
        assert (row.rows, row.rejected, row.jobs, row.duplicates) == (rows, len(refused), len(jobs), counted.duplicates)
        assert row.accepted + row.rejected + row.duplicates == rows
        assert row.errors_by_code == counted.errors_by_code
        assert sorted({error.row for error in errors}) == sorted(refused)
        assert sum(row.errors_by_code.values()) == len(errors)
    return refused


def converge(desk, kinds, rounds, budget, view=None):
    salt = f"H{uuid4().hex[:8]}"
    batch_id = desk.bring(file_of(kinds, salt), error_threshold_percent=budget).batch_id
    status = desk.take_in(batch_id)
    refused = check(desk, batch_id, len(kinds), view)
    for answers, reverse, stranger in rounds:
        sent = corrected(desk.to_correct(batch_id), answers, reverse, stranger, salt)
        if not sent or not refused:
            continue
        desk.correct(batch_id, as_csv(sent))
        status = desk.take_in(batch_id)
        left = check(desk, batch_id, len(kinds), view)
        assert set(left) <= set(refused), "what was good stays good"
        refused = left
    if refused:
        desk.correct(batch_id, as_csv([mended(line) for line in desk.to_correct(batch_id)]))
        status = desk.take_in(batch_id)
    assert check(desk, batch_id, len(kinds), view) == []
    assert status is BatchStatus.PROCESSING


@pytest.mark.acceptance("1.15", part="any file and any corrections: each row in one class at each step, to the end")
@settings(**SPARE)
@given(kinds=files, rounds=corrections, budget=budgets)
def test_any_file_converges_under_any_corrections(tmp_path, kinds, rounds, budget):
    converge(Desk(tmp_path / uuid4().hex, MemoryLedger()), kinds, rounds, budget)


@pytest.mark.postgres
@pytest.mark.acceptance("1.04", part="the view of refused values says what the file for correction says")
def test_the_views_say_the_same(tmp_path, database_url, pools):
    with opened_ledger(database_url) as ledger:
        desk = Desk(tmp_path / "files", ledger, PostgresNaturalKeys(pools(database_url)))
        projector, engine = (
            Projector(database_url, ledger),
            open_engine(database_url, read_only=True, poolclass=NullPool),
        )
        queries = PostgresQueries(engine, ["validate"])
        projector.prepare()

        def view(batch_id):
            while projector.step():
                pass
            return queries.batch(batch_id), queries.row_errors(batch_id, limit=1_000)

        @settings(**SPARE | {"max_examples": 12})
        @given(kinds=files, rounds=corrections, budget=budgets)
        def each(kinds, rounds, budget):
            converge(desk, kinds, rounds, budget, view)

        try:
            each()
        finally:
            projector.close()
            engine.dispose()
