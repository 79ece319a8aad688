"""Rows become jobs as the rules say, though the rules are asked once for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_files import SAMPLES

from dispatch.adapters.codec import encode
from dispatch.adapters.ledger.copying import copy_blocks, copy_new_jobs
from dispatch.adapters.ledger.framing import uuid_bytes, uuids_bytes
from dispatch.application.intake.judge import good_frames, good_rows
from dispatch.application.intake.opening import new_jobs, open_jobs
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.row import GoodRow
from dispatch.application.ports.ledger import Cause, JobColumns, NewJobs
from dispatch.domain.batch.state import Batch
from dispatch.domain.consent import Permission
from dispatch.domain.identity import job_ids
from dispatch.domain.job.commands import OpenJob
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import Job
from dispatch.domain.person import Person
from examples import BATCH_ID, NOON

CAUSE = Cause(command_id=BATCH_ID)
BATCH = Batch(received_at=NOON)
ROWS = list(good_rows(SAMPLES / "service-jobs.csv", SERVICE_JOB))


def test_each_event_has_the_bytes_that_the_decider_gives_it():
    job_id = job_ids(BATCH_ID, NOON)
    appends = list(open_jobs(BATCH_ID, BATCH, SERVICE_JOB, ROWS, NOON, CAUSE))
    assert [append.stream for append in appends] == [job_id(row.row) for row in ROWS]
    for append, row in zip(appends, ROWS, strict=True):
        fields = {name: getattr(row, name) for name in GOOD_ROW}
        command = OpenJob(job_id=append.stream, at=NOON, batch_id=BATCH_ID, route=SERVICE_JOB.route, **fields)
        assert [encode(event) for event in append.events] == [encode(event) for event in decider.decide(command, Job())]
        assert (append.version, append.cause) == (0, CAUSE)


GOOD_ROW = ("row", "reference", "service", "price_pence", "person", "permission", "details")


def test_a_batch_that_was_never_received_opens_nothing():
    with pytest.raises(ValueError, match="never received"):
        list(open_jobs(BATCH_ID, Batch(), SERVICE_JOB, ROWS, NOON, CAUSE))


def frames_of(cuts):
    """These rows of the sample as frames of some rows each."""
    path = SAMPLES / "service-jobs.csv"
    [frame] = [one for one in good_frames(path, SERVICE_JOB) if one.rows]
    frames = []
    for count in cuts:
        first, frame = frame.cut(count)
        frames.append(first)
    return [*frames, frame]


@pytest.mark.parametrize("cuts", [(), (1,), (3, 0, 4)])
def test_columns_become_the_bytes_that_the_jobs_become_one_by_one(cuts):
    jobs = new_jobs(BATCH_ID, BATCH, SERVICE_JOB, frames_of(cuts), NOON, CAUSE)
    one_by_one = list(open_jobs(BATCH_ID, BATCH, SERVICE_JOB, ROWS, NOON, CAUSE))
    assert b"".join(copy_new_jobs(jobs)) == b"".join(copy_blocks(one_by_one))


TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["%d %b", '",', "a\nb", "\0", "{}", ""])
JOBS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2)), min_size=1, max_size=5)


@given(JOBS, TEXTS)
def test_whatever_is_in_the_columns_the_bytes_are_those_of_the_event(jobs, stage):
    rows = [
        GoodRow(
            row=number,
            natural_key="",
            reference=reference,
            service=service,
            price_pence=number * 100,
            person=Person(name=name),
            permission=Permission(statement=name),
            details=details,
        )
        for number, (reference, service, name, details) in enumerate(jobs, 1)
    ]
    columns = JobColumns(
        references=[row.reference for row in rows],
        services=[row.service for row in rows],
        prices_pence=[row.price_pence for row in rows],
        persons=[row.person for row in rows],
        permissions=[row.permission for row in rows],
        details=[row.details for row in rows],
    )
    numbers = [row.row for row in rows]
    ids = list(map(job_ids(BATCH_ID, NOON), numbers))
    route = (stage, "validate")
    many = NewJobs(cause=CAUSE, at=NOON, batch_id=BATCH_ID, route=route, job_ids=ids, rows=numbers, columns=[columns])
    assert b"".join(copy_new_jobs(many)) == b"".join(copy_blocks(list(many.appends())))


@given(st.lists(st.uuids().map(str) | st.uuids().map(lambda one: one.hex), max_size=6))
def test_ids_are_read_at_once_as_one_by_one(ids):
    assert uuids_bytes(ids) == [uuid_bytes(one) for one in ids]


@pytest.mark.parametrize("wrong", ["", "00000000-0000-8000-8000-00000000000", "0000-00000000-8000-8000-000000000000g"])
def test_what_is_no_id_is_refused_among_others(wrong):
    with pytest.raises(ValueError, match="is not a UUID"):
        uuids_bytes([BATCH_ID, wrong])
