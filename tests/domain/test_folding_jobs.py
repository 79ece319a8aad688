"""However a history is cut into pieces, the same job comes of it; and a job that somebody holds never changes."""

from datetime import timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

import examples
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobEvent, RecipientRefused, StageCompleted
from dispatch.domain.person import Person
from examples import JOB_ID, NOON, ONE_OF_EACH, ROUTE

STAGES = st.sampled_from(ROUTE)
OTHERS = [
    replace(event, next_stage=ROUTE[1]) if isinstance(event, RecipientRefused) else event
    for event in ONE_OF_EACH
    if isinstance(event, JobEvent) and not isinstance(event, StageCompleted)
]

completed = st.builds(
    StageCompleted,
    job_id=st.just(JOB_ID),
    at=st.integers(0, 9).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    stage=STAGES,
    attempt=st.integers(1, 9),
    next_stage=st.just("") | STAGES,  # Whatever the rules say: also back to where the job has been, or nowhere new.
    output=st.dictionaries(st.sampled_from("ab"), st.integers(0, 9), max_size=2),
    person=st.none() | st.sampled_from([Person(name="Ann"), Person(), Person(encrypted=b"x")]),
)
rows = st.lists(st.lists(completed, max_size=5) | st.sampled_from(OTHERS).map(lambda event: [event]), max_size=12)
histories = rows.map(lambda parts: [examples.opened, *(event for part in parts for event in part)])


@given(histories, st.data())
def test_a_history_folded_at_once_in_two_pieces_or_event_by_event_is_one_job(history, data):
    one_by_one = reduce(decider.evolve, history, decider.initial())
    assert decider.fold(history) == one_by_one
    cut = data.draw(st.integers(0, len(history)))
    assert decider.fold(history[cut:], decider.fold(history[:cut])) == one_by_one
    assert decider.fold(iter(history)) == one_by_one


@given(histories, st.lists(completed, min_size=1, max_size=4))
def test_what_comes_later_leaves_the_job_of_before_as_it_was(history, later):
    before = decider.fold(history)
    seen = {name: dict(value) if isinstance(value, dict) else value for name, value in asdict(before).items()}
    after = decider.fold(later, before)
    assert asdict(before) == seen
    assert after.outputs is not before.outputs


def test_what_a_row_of_stages_found_is_kept_but_for_the_stage_that_is_done_anew():
    def done(stage: str, following: str, **output: int) -> StageCompleted:
        return replace(examples.completed, stage=stage, next_stage=following, output=output, attempt=1)

    first, second, third = ROUTE[:3]
    row = [done(first, second, a=1), done(second, third, b=1), done(third, second, c=1), done(second, third)]
    job = decider.fold([examples.opened, *row])
    assert (job.stage, job.outputs) == (third, {first: {"a": 1}})
