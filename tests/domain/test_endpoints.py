"""An endpoint is registered once, changed, rotated, disabled and enabled; and when a webhook is tried again."""

import pytest
from msgspec.structs import asdict, replace

import examples
from dispatch.domain.endpoint.commands import (
    ChangeEndpoint,
    DisableEndpoint,
    EnableEndpoint,
    RegisterEndpoint,
    RemoveEndpoint,
    RequestReplay,
    RotateSecret,
)
from dispatch.domain.endpoint.decide import (
    EndpointExists,
    EndpointFilterInvalid,
    EndpointNameInvalid,
    EndpointUnknown,
    EndpointUrlInvalid,
    ReplayInFuture,
    decider,
)
from dispatch.domain.endpoint.schedule import RETRY_AFTER_MAX_S, SCHEDULE_S, delay_s
from examples import BATCH_ID, ENDPOINT_ID, NOON
from given import Given

REGISTER = RegisterEndpoint(**asdict(examples.endpoint_registered))
CHANGE = ChangeEndpoint(**asdict(examples.endpoint_changed))
ROTATE = RotateSecret(**asdict(examples.endpoint_secret_rotated))
DISABLE = DisableEndpoint(**asdict(examples.endpoint_disabled))
ENABLE = EnableEndpoint(**asdict(examples.endpoint_enabled))
REMOVE = RemoveEndpoint(**asdict(examples.endpoint_removed))
REPLAY = RequestReplay(**asdict(examples.endpoint_replay_requested))
REGISTERED, CHANGED = examples.endpoint_registered, examples.endpoint_changed
ROTATED, DISABLED = examples.endpoint_secret_rotated, examples.endpoint_disabled
ENABLED, REMOVED, ASKED = examples.endpoint_enabled, examples.endpoint_removed, examples.endpoint_replay_requested


def test_an_endpoint_is_registered_once_and_another_of_its_name_refused_until_it_is_removed():
    Given(decider).when(REGISTER).then(REGISTERED)
    Given(decider, REGISTERED).when(replace(REGISTER, by="bob", secret_id="s9")).then()
    other = replace(REGISTER, types=("*",))
    Given(decider, REGISTERED).when(other).then_refused(EndpointExists)
    Given(decider, REGISTERED, REMOVED).when(other).then(replace(REGISTERED, types=("*",)))


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"name": "CRM"}, EndpointNameInvalid),
        ({"name": "../x"}, EndpointNameInvalid),
        ({"url": ""}, EndpointUrlInvalid),
        ({"url": "https://example.com/\n"}, EndpointUrlInvalid),
        ({"url": "https://" + "x" * 2_000}, EndpointUrlInvalid),
        ({"types": ()}, EndpointFilterInvalid),
        ({"types": ("job",)}, EndpointFilterInvalid),
        ({"types": ("contact.*",)}, EndpointFilterInvalid),
        ({"types": ("job.*",) * 100}, EndpointFilterInvalid),
        ({"batches": ("3f2b8c1e",)}, EndpointFilterInvalid),
    ],
)
def test_what_can_be_no_endpoint_is_refused(changed: dict, refusal: type):
    Given(decider).when(replace(REGISTER, **changed)).then_refused(refusal)


@pytest.mark.parametrize(
    ("before", "command", "event"),
    [
        ((REGISTERED,), CHANGE, CHANGED),
        ((REGISTERED,), ROTATE, ROTATED),
        ((REGISTERED,), DISABLE, DISABLED),
        ((REGISTERED, DISABLED), ENABLE, ENABLED),
        ((REGISTERED,), REMOVE, REMOVED),
        ((REGISTERED,), REPLAY, ASKED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_command_is_recorded_once_and_needs_an_endpoint(before: tuple, command, event):
    Given(decider, *before).when(command).then(event)
    Given(decider, *before, event).when(command).then()
    Given(decider).when(command).then_refused(EndpointUnknown)


def test_nothing_that_has_not_happened_is_sent_once_more():
    Given(decider, REGISTERED).when(replace(REPLAY, since=NOON.replace(year=2027))).then_refused(ReplayInFuture)


def test_both_secrets_sign_until_the_overlap_is_over():
    endpoint = decider.fold([REGISTERED, ROTATED])
    assert endpoint.secret_ids(NOON) == ["s2", "s1"]
    assert endpoint.secret_ids(ROTATED.old_until) == ["s2"]
    assert decider.fold([REGISTERED]).secret_ids(NOON) == ["s1"]


@pytest.mark.parametrize(
    ("kind", "batch_id", "told"),
    [
        ("job.delivered", BATCH_ID, True),
        ("batch.closed", BATCH_ID, True),
        ("job.opened", BATCH_ID, False),
        ("job.delivered", ENDPOINT_ID, False),
        ("job.delivered", "", False),
    ],
)
def test_filters(kind: str, batch_id: str, told: bool):
    assert decider.fold([REGISTERED]).wants(kind, batch_id) is told


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.5, 0.999999])
def test_the_schedule_is_that_of_the_issue_within_ten_per_cent(chance: float):
    assert SCHEDULE_S == (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
    for attempts, planned in enumerate(SCHEDULE_S):
        delay = delay_s(attempts, chance)
        assert delay is not None
        assert 0.9 * planned <= delay <= 1.1 * planned
    assert delay_s(len(SCHEDULE_S), chance) is None


def test_chance_spreads_over_the_whole_jitter():
    assert (delay_s(2, 0.0), delay_s(2, 0.5), delay_s(2, 1.0)) == pytest.approx((270, 300, 330))


def test_a_receiver_may_ask_for_more_time_within_bounds_and_never_for_less():
    assert delay_s(1, 0.5, 60) == 60
    assert delay_s(1, 0.5, 1) == 5
    assert delay_s(1, 0.5, 1e9) == RETRY_AFTER_MAX_S
    assert delay_s(len(SCHEDULE_S), 0.5, 60) is None
