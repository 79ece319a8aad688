"""Whatever file comes in: every data row is in exactly one class, and the counts add up (acceptance 1.12-1.15)."""

import tempfile
from pathlib import Path

import pytest
from generated import Generated, cuts, files, pieces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_desk import Desk
from intake_files import feed

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.natural_keys_memory import MemoryNaturalKeys
from dispatch.application.intake.judge import good_rows, judge
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.refused import FileRefused
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.person import shape

quietly = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.acceptance("1.12", part="property: every data row is in exactly one class")
@quietly
@given(files())
def test_every_row_is_in_exactly_one_class(made: Generated):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        facts = feed([made.content], path) if path.write_bytes(made.content) else None
        found = judge(path, SERVICE_JOB, facts.layout)
        assert found.rows == made.rows
        assert (found.accepted, found.rejected, found.duplicates) == (
            len(made.accepted),
            len(made.rejected),
            len(made.duplicates),
        )
        assert found.rows == found.accepted + found.rejected + found.duplicates
        assert {(error.row, error.column): error.code.value for error in found.errors} == made.errors
        assert found.errors_by_code == made.by_code
        assert [row.row for row in good_rows(path, SERVICE_JOB)] == made.accepted


@quietly
@given(files(), st.data())
def test_the_answer_does_not_depend_on_how_the_upload_was_cut(made: Generated, data: st.DataObject):
    broken = data.draw(st.sampled_from((b"", b'SJ-9,"never closed\n', b"\xff\xfe", b"a\0b\n")))
    content = made.content + broken
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(content)
        answers = [outcome(parts, path) for parts in ([content], pieces(content, data.draw(cuts(content))))]
        answers.append(outcome([bytes([byte]) for byte in content], path))
    assert answers[0] == answers[1] == answers[2]


@quietly
@given(files())
def test_judging_twice_finds_the_same(made: Generated):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(made.content)
        assert judge(path, SERVICE_JOB) == judge(path, SERVICE_JOB)


@pytest.mark.acceptance("1.13", part="property: a rejected file leaves no job")
@settings(quietly, max_examples=100)
@given(st.lists(files(max_rows=8), min_size=1, max_size=3), st.integers(0, 100))
def test_jobs_are_the_accepted_rows_whose_keys_are_new(brought: list[Generated], budget: int):
    """Files in a row into one ledger: what an earlier one brought is a duplicate, and a refused file leaves nothing."""
    keys: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), MemoryLedger(), MemoryNaturalKeys())
        for made in brought:
            received = desk.receive([made.content], SERVICE_JOB, "jobs.csv", error_threshold_percent=budget)
            if received.duplicate:
                continue
            desk.admit(received.batch_id)
            batch, jobs = desk.batch(received.batch_id), desk.jobs(received.batch_id)
            if len(made.rejected) * 100 > budget * made.rows:
                assert batch.status is BatchStatus.REJECTED
                assert jobs == []
                continue
            assert batch.status is BatchStatus.PROCESSING
            new = [job.reference.upper() for job in jobs]
            assert len(set(new)) == len(new) == batch.jobs
            assert not keys & set(new)
            known = len(made.accepted) - len(new)
            assert batch.jobs == batch.accepted - known
            assert batch.duplicates == len(made.duplicates) + known
            assert batch.rows == batch.jobs + batch.rejected + batch.duplicates
            assert {job.row for job in jobs} <= set(made.accepted)
            keys |= set(new)


@quietly
@given(files())
def test_no_personal_value_is_in_what_is_said_of_a_row(made: Generated):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(made.content)
        said = [text for error in judge(path, SERVICE_JOB).errors for text in (error.found, error.expected, error.fix)]
    examples = ("07700 900123", "SW1A 1AA", "+44 20 7946 0123")  # What the advice itself gives as examples.
    for value in {value for value in made.personal if len(value) > 5 and shape(value) != value} - {*examples}:
        assert not [text for text in said if value in text]


def outcome(parts: list[bytes], path: Path) -> object:
    """What came of an upload in these pieces: its facts, or every word of the refusal."""
    try:
        return feed(parts, path)
    except FileRefused as refused:
        return refused.args
