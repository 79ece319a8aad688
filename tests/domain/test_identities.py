"""Identity is content: the same file, row or request has the same id; all are UUIDs of version 8."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.identity import ROWS_MAX, batch_id, command_id, job_ids

hashes = st.binary(max_size=8).map(lambda content: hashlib.sha256(content).hexdigest())
times = st.datetimes(datetime(2000, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (bounds must be naive)
rows = st.integers(1, ROWS_MAX)


def assert_uuid8(text: str) -> None:
    parsed = UUID(text)
    assert (str(parsed), parsed.version, parsed.variant) == (text, 8, RFC_4122)


@pytest.mark.acceptance("1.01", part="identity by SHA-256")
@given(file_hash=hashes, run=st.integers(1, 1000))
def test_the_same_content_and_run_is_the_same_batch(file_hash: str, run: int):
    assert_uuid8(batch_id(file_hash, run))
    assert batch_id(file_hash, run) == batch_id(file_hash, run)
    assert batch_id(file_hash) == batch_id(file_hash, 1)


@pytest.mark.acceptance("X7", part="a forced run is another batch of the same hash")
@given(one=hashes, other=hashes)
def test_other_content_or_another_run_is_another_batch(one: str, other: str):
    assert batch_id(one, 1) != batch_id(one, 2)
    assert (batch_id(one) == batch_id(other)) is (one == other)


def test_ids_never_change_between_versions():
    batch = batch_id("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    assert batch == "652be124-5205-8f6a-a93a-4ee1391b3eb1"
    assert job_ids(batch, datetime(2026, 11, 23, 12, tzinfo=UTC))(7) == "01a20846-fe00-8652-be12-452000000007"
    assert command_id("resume", "j1", 3) == "d30f23b0-4a51-8419-9e90-43711cbe7fe1"


@given(file_hash=hashes, received_at=times, row=rows)
def test_a_row_is_always_the_same_job(file_hash: str, received_at: datetime, row: int):
    batch = batch_id(file_hash)
    assert_uuid8(job_ids(batch, received_at)(row))
    assert job_ids(batch, received_at)(row) == job_ids(batch, received_at)(row)


@given(file_hash=hashes, received_at=times, one=rows, other=rows)
def test_the_ids_of_a_batch_rise_with_its_rows(file_hash: str, received_at: datetime, one: int, other: int):
    job_id = job_ids(batch_id(file_hash), received_at)
    assert (job_id(one) < job_id(other)) is (one < other)


@given(earlier=hashes, later=hashes, received_at=times, pause_ms=st.integers(2, 10**9), one=rows, other=rows)
def test_a_job_of_a_later_file_has_a_higher_id(
    earlier: str, later: str, received_at: datetime, pause_ms: int, one: int, other: int
):
    first = job_ids(batch_id(earlier), received_at)(one)
    second = job_ids(batch_id(later), received_at + timedelta(milliseconds=pause_ms))(other)
    assert first < second


@given(one=hashes, other=hashes, received_at=times, row=rows)
def test_two_files_of_the_same_moment_share_no_job(one: str, other: str, received_at: datetime, row: int):
    ids = {job_ids(batch_id(file_hash), received_at)(row) for file_hash in (one, other)}
    assert len(ids) == len({one, other})


def test_a_command_asked_again_has_the_same_id_and_its_parts_do_not_run_together():
    assert_uuid8(command_id("outcome", "j1", "verify", 1))
    assert command_id("outcome", "j1", "verify", 1) == command_id("outcome", "j1", "verify", "1")
    assert command_id("ab", "c") != command_id("a", "bc")
