"""What every form of the port `EventLedger` does."""

from datetime import UTC, datetime

import msgspec
import psycopg
import pytest

import examples
from dispatch.adapters.upcasting import EventUnreadable
from dispatch.application.ports.ledger import Append, Cause, History, VersionConflict
from dispatch.domain.events import REGISTRY, aggregate_of
from ledgers import cause, follow, new_id, opened_job, start


def as_answered(answer):
    return (answer.stream, answer.expected, answer.found) if isinstance(answer, VersionConflict) else answer


def test_an_unknown_stream_is_at_version_0(ledger):
    known, unknown = new_id(), new_id()
    ledger.append([start(known)])
    assert ledger.load(unknown) == History(0, [])
    assert ledger.load_many([unknown, known]) == {unknown: History(0, []), known: History(1, [opened_job(known)])}
    assert ledger.load_many([]) == {}
    assert ledger.trace(unknown) == []


def test_a_stream_is_its_events_in_order(ledger):
    stream = new_id()
    ledger.append([start(stream)])
    ledger.append([follow(stream, 1, events=[examples.failed, examples.retry_scheduled])])
    assert ledger.load(stream) == History(3, [opened_job(stream), examples.failed, examples.retry_scheduled])


def test_every_event_comes_back_as_it_was_recorded(ledger):
    by_aggregate = {"batch": new_id(), "job": new_id()}
    for kind, stream in by_aggregate.items():
        events = [event for event in examples.ONE_OF_EACH if aggregate_of(event) == kind]
        ledger.append([Append(stream, 0, events, cause())])
        assert ledger.load(stream) == History(len(events), events)


def test_positions_are_contiguous_within_a_call_and_rise_from_call_to_call(ledger):
    assert ledger.head() == 0
    one, two, three = new_id(), new_id(), new_id()
    answers = ledger.append([start(one), start(two, events=[examples.opened, examples.completed]), start(three)])
    first = answers[0].start
    assert answers == [range(first, first + 1), range(first + 1, first + 3), range(first + 3, first + 4)]
    [later] = ledger.append([follow(one, 1)])
    assert later.start > answers[-1].start
    assert ledger.head() == later.start
    assert [(r.stream, r.version, r.position) for r in ledger.read(0, 10)] == [
        (one, 1, first),
        (two, 1, first + 1),
        (two, 2, first + 2),
        (three, 1, first + 3),
        (one, 2, later.start),
    ]


def test_a_conflict_fails_its_own_stream_and_no_other(ledger):
    moved, ahead, fine, new = new_id(), new_id(), new_id(), new_id()
    ledger.append([start(moved), start(ahead), start(fine)])
    ledger.append([follow(moved, 1)])
    before = ledger.head()
    answers = ledger.append([start(new), follow(moved, 1), follow(ahead, 5), follow(fine, 1)])
    assert [as_answered(answer) for answer in answers] == [
        range(answers[0].start, answers[0].start + 1),
        (moved, 1, 2),
        (ahead, 5, 1),
        range(answers[3].start, answers[3].start + 1),
    ]
    assert [(r.stream, r.position) for r in ledger.read(before, 10)] == [
        (new, answers[0].start),
        (fine, answers[3].start),
    ]
    assert [ledger.load(stream).version for stream in (moved, ahead, fine, new)] == [2, 1, 2, 1]


def test_nothing_at_all_is_recorded_when_every_append_conflicts(ledger):
    one = new_id()
    ledger.append([start(one)])
    before = ledger.head()
    [answer] = ledger.append([start(one)])
    assert as_answered(answer) == (one, 0, 1)
    assert str(answer) == f"stream {one} is at version 1, not 0"
    assert ledger.head() == before


def test_an_append_of_nothing_is_answered_with_nothing(ledger):
    assert ledger.append([]) == []
    assert ledger.head() == 0


def test_its_own_write_is_recognised_by_its_command(ledger):
    one, two, mine = new_id(), new_id(), new_id()
    asked = [
        start(one, command_id=mine, events=[examples.opened, examples.completed]),
        start(two, command_id=mine),
    ]
    first = ledger.append(asked)
    assert ledger.append(asked) == first
    ledger.append([follow(one, 2)])  # Others may have gone on meanwhile.
    assert ledger.append(asked) == first
    assert len(ledger.read(0, 10)) == 4


def test_a_repetition_records_what_the_first_call_could_not(ledger):
    recorded, lost, mine = new_id(), new_id(), new_id()
    first = ledger.append([start(recorded, command_id=mine)])
    again = ledger.append([start(recorded, command_id=mine), start(lost, command_id=mine)])
    assert again[0] == first[0]
    assert again[1].start > first[0].start
    assert ledger.load(lost).version == 1


def test_the_write_of_another_command_is_not_taken_for_ones_own(ledger):
    stream = new_id()
    ledger.append([start(stream)])
    [answer] = ledger.append([start(stream)])
    assert isinstance(answer, VersionConflict)


@pytest.mark.parametrize("twice", [str.lower, str.upper])
def test_one_call_appends_once_to_each_stream(ledger, twice):
    stream = new_id()
    with pytest.raises(ValueError, match="join the events of a stream into one Append"):
        ledger.append([start(stream), follow(twice(stream), 1)])
    assert ledger.head() == 0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (Append(new_id(), 0, [], cause()), "has no events"),
        (Append("job-7", 0, [examples.opened], cause()), "'job-7' is not a UUID"),
        (Append(new_id(), 0, [examples.opened], Cause(command_id="retry")), "'retry' is not a UUID"),
        (Append(new_id(), 0, [examples.opened], cause(actor="a\0b")), "zero byte"),
    ],
    ids=["no events", "stream", "command", "actor"],
)
def test_what_cannot_be_recorded_is_refused_before_anything_is(ledger, wrong, why):
    with pytest.raises(ValueError, match=why):
        ledger.append([start(new_id()), wrong])
    assert ledger.head() == 0


class Unheard(msgspec.Struct, frozen=True):
    """Not in the registry."""


def test_an_event_that_nobody_could_read_again_is_refused(ledger):
    with pytest.raises(TypeError, match="Unheard is not an event of the registry"):
        ledger.append([start(new_id(), events=[Unheard()])])
    with pytest.raises(TypeError, match="Unheard is not an event of the registry"):
        ledger.append_bulk(start(new_id()), [start(new_id(), events=[Unheard()])])
    assert ledger.head() == 0


def test_a_stream_is_found_by_any_spelling_of_its_id(ledger):
    stream = new_id()
    ledger.append([start(stream.upper())])
    plain = stream.replace("-", "")
    found = ledger.load_many([stream, plain])
    assert found[stream] == found[plain] == History(1, [opened_job(stream.upper())])


def test_reading_goes_on_behind_a_position_in_order_with_each_cause(ledger):
    stream, command = new_id(), new_id()
    asked = Cause(command_id=command, correlation_id=examples.BATCH_ID, actor="ann")
    before = datetime.now(UTC)
    ledger.append([Append(stream, 0, [examples.opened, examples.completed], asked)])
    ledger.append([Append(stream, 2, [examples.delivered], Cause(command_id=command))])
    read = ledger.read(0, 10)
    assert [(r.stream, r.version, r.event, r.actor, r.correlation_id, r.causation_id) for r in read] == [
        (stream, 1, examples.opened, "ann", examples.BATCH_ID, command),
        (stream, 2, examples.completed, "ann", examples.BATCH_ID, command),
        (stream, 3, examples.delivered, "", "", command),
    ]
    assert all(before <= r.recorded_at <= datetime.now(UTC) for r in read)
    assert ledger.read(read[0].position, 1) == read[1:2]
    assert ledger.read(read[-1].position, 10) == []
    assert ledger.trace(stream) == read


def test_only_the_kinds_that_are_asked_for_are_read_and_the_others_are_behind_the_reader(ledger):
    stream = new_id()
    cause = Cause(command_id=new_id())
    ledger.append([Append(stream, 0, [examples.opened, examples.completed, examples.delivered], cause)])
    first, second, third = ledger.read(0, 10)
    assert ledger.read_kinds(0, 10, {type(examples.completed)}) == (third.position, [second])
    assert ledger.read_kinds(0, 1, {type(examples.completed)}) == (first.position, [])
    assert ledger.read_kinds(first.position, 1, {type(examples.completed)}) == (second.position, [second])
    assert ledger.read_kinds(0, 10, set()) == (third.position, [])
    assert ledger.read_kinds(0, 10, set(REGISTRY.values())) == (third.position, [first, second, third])
    assert ledger.read_kinds(third.position, 10, {type(examples.completed)}) == (third.position, [])


@pytest.mark.postgres
def test_what_a_newer_version_has_written_is_not_passed_over(database_url, postgres_ledger):
    """An old process beside new ones stops at it: it cannot know whether somebody waits for it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state)"
            " VALUES (gen_random_uuid(), 1, 'JobOpened.99', '{}')"
        )
    with pytest.raises(EventUnreadable):
        postgres_ledger.read_kinds(0, 10, set())


def test_a_bulk_append_is_recorded_whole_with_its_marker_first(ledger):
    batch, jobs = new_id(), [new_id() for _ in range(300)]
    positions = ledger.append_bulk(
        start(batch, events=[examples.chunk_admitted]),
        (start(job, events=[examples.opened, examples.completed]) for job in jobs),
    )
    read = ledger.read(0, 1_000)
    assert len(positions) == 601
    assert [r.position for r in read] == list(positions)
    assert [(r.stream, r.version) for r in read] == [(batch, 1), *((job, n) for job in jobs for n in (1, 2))]
    assert {(r.actor, r.correlation_id) for r in read} == {("ann", examples.BATCH_ID)}
    assert ledger.head() == positions.stop - 1
    assert ledger.load(jobs[-1]) == History(2, [examples.opened, examples.completed])


def test_a_bulk_append_without_new_streams_records_its_marker(ledger):
    batch = new_id()
    positions = ledger.append_bulk(start(batch), [])
    assert len(positions) == 1
    assert ledger.load(batch).version == 1


def test_a_bulk_append_whose_marker_conflicts_records_nothing(ledger):
    batch, job = new_id(), new_id()
    ledger.append([start(batch)])
    with pytest.raises(VersionConflict, match=f"stream {batch} is at version 1, not 0"):
        ledger.append_bulk(start(batch), [start(job)])
    assert [r.stream for r in ledger.read(0, 10)] == [batch]


def test_a_bulk_append_to_a_stream_that_exists_records_nothing_and_names_it(ledger):
    batch, new, known = new_id(), new_id(), new_id()
    ledger.append([start(known, events=[examples.opened, examples.completed])])
    with pytest.raises(VersionConflict) as conflict:
        ledger.append_bulk(start(batch), [start(new), start(known)])
    assert as_answered(conflict.value) == (known, 0, 2)
    assert [r.stream for r in ledger.read(0, 10)] == [known, known]
    ledger.append_bulk(start(batch), [start(new)])  # The ledger goes on.


def test_a_bulk_append_with_a_stream_twice_records_nothing(ledger):
    batch, job = new_id(), new_id()
    with pytest.raises(VersionConflict):
        ledger.append_bulk(start(batch), [start(job), start(job)])
    assert ledger.head() == 0


def test_a_bulk_append_only_opens_streams(ledger):
    with pytest.raises(ValueError, match="is not new"):
        ledger.append_bulk(start(new_id()), [follow(new_id(), 1)])
    with pytest.raises(ValueError, match="has no events"):
        ledger.append_bulk(start(new_id()), [Append(new_id(), 0, [], cause())])
    assert ledger.head() == 0


def test_a_bulk_append_that_was_recorded_before_is_answered_with_its_positions(ledger):
    marker, jobs = start(new_id()), [start(new_id()) for _ in range(3)]
    first = ledger.append_bulk(marker, jobs)
    ledger.append([follow(marker.stream, 1)])
    assert ledger.append_bulk(marker, jobs) == first
    assert len(ledger.read(0, 100)) == 5
