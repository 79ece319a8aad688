"""Whatever is asked of a batch in whatever order, its history stays legal and its sums agree (promises R2, R3, R6)."""

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.domain.batch import events as happened
from dispatch.domain.batch.commands import AdmitChunk, CloseBatch, Command, FinishAdmission, RejectBatch
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.state import ENDED
from dispatch.domain.errors import DomainError
from dispatch.domain.rows import Budget
from example_commands import judgement, receive
from examples import BATCH_ID, NOON

few = st.integers(0, 12)
admissions = st.builds(
    AdmitChunk,
    batch_id=st.just(BATCH_ID),
    at=st.just(NOON),
    chunk=st.integers(1, 4),
    row_through=few,
    jobs=st.integers(0, 3),
    duplicates=st.integers(0, 2),
)
endings = st.builds(CloseBatch, batch_id=st.just(BATCH_ID), at=st.just(NOON), delivered=few, blocked=few, cancelled=few)
judgements = st.builds(
    judgement, accepted=st.integers(0, 20), rejected=st.sampled_from([0, 0, 1, 2]), duplicates=st.integers(0, 3)
)
commands: st.SearchStrategy[Command] = st.one_of(
    st.just(receive),
    judgements,
    judgements,
    admissions,
    admissions,
    admissions,
    st.just(FinishAdmission(batch_id=BATCH_ID, at=NOON, db_duration_ms=120)),
    st.just(RejectBatch(batch_id=BATCH_ID, at=NOON, code="unclosed_quote", reason="line 3")),
    endings,
)


@st.composite
def histories(draw: st.DrawFn) -> list[happened.Event]:
    """All events recorded when random commands come in random order, some twice; a close that adds up comes last."""
    recorded: list[happened.Event] = []
    batch = decider.initial()
    asked: list[Command] = [receive, *draw(st.lists(commands, max_size=25))]
    for command in [*asked, None]:
        ask = command or CloseBatch(batch_id=BATCH_ID, at=NOON, delivered=batch.jobs, blocked=0, cancelled=0)
        try:
            events = decider.decide(ask, batch)
        except DomainError as refusal:
            note(f"refused: {refusal.code}")
            continue
        assert not (batch.status in ENDED and events), "an event after the end"
        batch = decider.fold(events, batch)
        recorded += events
        assert decider.decide(ask, batch) == [], "the same command twice had two effects"
    assert batch == decider.fold(recorded), "replaying the history makes another batch"
    note(f"ends as: {batch.status}")
    return recorded


@settings(max_examples=200)
@given(histories())
def test_a_history_is_received_once_judged_once_and_ends_once(recorded: list[happened.Event]):
    kinds = [type(e) for e in recorded]
    assert kinds[0] is happened.BatchReceived
    for once in (happened.BatchReceived, happened.BatchJudged, happened.BatchAdmitted):
        assert kinds.count(once) <= 1
    ends = [kind in {happened.BatchRejected, happened.BatchClosed} for kind in kinds]
    assert not any(ends[:-1])
    assert ends[-1] is (decider.fold(recorded).status in ENDED)


@settings(max_examples=200)
@given(histories())
def test_nothing_of_a_rejected_file_is_admitted(recorded: list[happened.Event]):
    rejected = [e for e in recorded if isinstance(e, happened.BatchRejected)]
    judged = [e for e in recorded if isinstance(e, happened.BatchJudged)]
    if rejected:
        assert not [e for e in recorded if isinstance(e, happened.ChunkAdmitted | happened.BatchAdmitted)]
    if judged:
        assert bool(rejected) is Budget(10).broken(judged[0].rejected, judged[0].rows)


@settings(max_examples=200)
@given(histories())
def test_chunks_go_forward_and_the_sums_agree(recorded: list[happened.Event]):
    chunks = [e for e in recorded if isinstance(e, happened.ChunkAdmitted)]
    through = [e.row_through for e in chunks]
    assert through == sorted(set(through))
    for e in recorded:
        if isinstance(e, happened.BatchAdmitted):
            assert e.jobs == sum(chunk.jobs for chunk in chunks)
        if isinstance(e, happened.BatchClosed):
            assert e.delivered + e.blocked + e.cancelled == sum(chunk.jobs for chunk in chunks)
