"""Events of a stream are decoded together where they can be, and one by one where not: nobody sees a difference."""

import psycopg
import pytest

from dispatch.adapters import codec
from dispatch.adapters.ledger import postgres
from dispatch.adapters.upcasting import STEPS, EventUnreadable, Shapes
from dispatch.domain.events import REGISTRY
from examples import ONE_OF_EACH
from ledgers import follow, new_id, opened_job, start

OPENED, FAILED = (codec.encode(event) for event in ONE_OF_EACH if type(event).__name__ in {"JobOpened", "StageFailed"})


def together(stored):
    """Two streams of the same events."""
    names, states = " ".join(name for name, _ in stored), b"\n".join(state for _, state in stored)
    decoded = codec.decode_together(f"{names}\n{names}", states + b"\n" + states)
    if decoded is None:
        return None
    one, two = decoded
    assert one == two
    return one


def test_every_event_is_read_together_as_alone():
    stored = [codec.encode(event) for event in ONE_OF_EACH]
    assert together(stored) == [codec.decode(*each) for each in stored] == list(ONE_OF_EACH)
    assert len(" ".join(name for name, _ in stored)) > codec.NAMES_KEPT
    for each in stored:
        assert together([each, OPENED]) == [codec.decode(*each), codec.decode(*OPENED)]


def test_a_version_that_had_fewer_fields_is_read_together_with_today_s():
    assert together([("StageFailed", FAILED[1]), FAILED]) == [codec.decode(*FAILED)] * 2


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(("JobVanished", FAILED[1]), id="a name that is not known"),
        pytest.param(("StageFailed.9", FAILED[1]), id="a version that is not known"),
        pytest.param(("StageStarted.2", FAILED[1]), id="another event than its name says"),
        pytest.param((FAILED[0], b"{}"), id="not of its shape"),
        pytest.param((FAILED[0], b""), id="nothing"),
        pytest.param((FAILED[0], FAILED[1] + b"\n" + FAILED[1]), id="two in one"),
        pytest.param(("StageFailed StageFailed", FAILED[1]), id="two names in one"),
    ],
)
def test_what_cannot_be_read_together_is_left_to_who_says_why(stored):
    assert together([OPENED, stored]) is None
    with pytest.raises(EventUnreadable):
        codec.decode(*stored)


@pytest.fixture(autouse=True)
def together_always(monkeypatch):
    monkeypatch.setattr(postgres, "TOGETHER_FROM", 1)


@pytest.fixture
def rows(postgres_ledger, database_url):
    """Put rows into the ledger's table by hand; answers the stream, which begins with a good event."""

    def put(*stored):
        stream = new_id()
        postgres_ledger.append([start(stream)])
        with psycopg.connect(database_url, autocommit=True) as connection:
            for version, (name, state) in enumerate(stored, 2):
                connection.execute(
                    "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state)"
                    " VALUES (%s, %s, %s, %s)",
                    (stream, version, name, state),
                )
        return stream

    return put


@pytest.mark.postgres
@pytest.mark.parametrize("together_from", [1, 1_000])
def test_many_streams_are_read_alike_together_and_apart(postgres_ledger, monkeypatch, together_from: int):
    monkeypatch.setattr(postgres, "TOGETHER_FROM", together_from)
    streams, unknown = [new_id() for _ in range(150)], new_id()
    postgres_ledger.append([start(stream) for stream in streams])
    postgres_ledger.append([follow(stream, 1) for stream in streams[::3]])
    histories = postgres_ledger.load_many([unknown, *streams])
    assert list(histories) == [unknown, *streams]
    assert histories[unknown].version == 0
    for number, stream in enumerate(streams):
        opened, *more = histories[stream].events
        assert opened == opened_job(stream)
        assert (histories[stream].version, len(more)) == ((1, 0) if number % 3 else (2, 1))
        assert {event.job_id for event in histories[stream].events} == {stream}


@pytest.mark.postgres
def test_json_that_somebody_else_has_laid_out_is_read(postgres_ledger, rows):
    spread = FAILED[1].replace(b",", b",\n ")
    assert spread.count(b"\n")
    stream = rows((FAILED[0], spread), FAILED)
    history = postgres_ledger.load(stream)
    assert history.version == 3
    assert history.events[1:] == [codec.decode(*FAILED)] * 2


@pytest.mark.postgres
def test_one_unreadable_event_is_named_and_keeps_no_other_stream_from_being_read(postgres_ledger, rows):
    good, bad = rows(FAILED), rows(FAILED, ("StageFailed.9", FAILED[1]))
    with pytest.raises(EventUnreadable, match=r"'StageFailed\.9' cannot be read: version \d is the newest"):
        postgres_ledger.load_many([good, bad])
    assert postgres_ledger.load(good).version == 2


@pytest.mark.postgres
def test_a_stream_with_an_event_to_be_lifted_is_read_beside_others(postgres_ledger, rows, monkeypatch):
    def codes_in_capitals(raw):
        return raw | {"error_code": raw["error_code"].upper()}

    steps = {**STEPS, "StageFailed": (codes_in_capitals, *STEPS["StageFailed"])}
    shapes = Shapes(REGISTRY, steps)
    monkeypatch.setattr(codec, "SHAPES", shapes)
    monkeypatch.setattr(codec, "_DECODERS", shapes.decoders)
    monkeypatch.setattr(codec, "_READ_AS_IT_STANDS", codec.kinds_that_stand(shapes))
    codec.kinds_named.cache_clear()
    try:
        old, new = rows(("StageFailed", FAILED[1])), rows(("StageFailed.3", FAILED[1]))
        histories = postgres_ledger.load_many([old, new])
    finally:
        codec.kinds_named.cache_clear()
    code = codec.decode(*FAILED).error_code
    assert code.upper() != code
    assert [histories[stream].events[1].error_code for stream in (old, new)] == [code.upper(), code]
    [answer] = postgres_ledger.append([follow(old, histories[old].version)])
    assert len(answer) == 1
