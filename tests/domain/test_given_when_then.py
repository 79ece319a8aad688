"""The given/when/then helper fails when it should: a helper that cannot fail proves nothing."""

import pytest

from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from given import Given


class TooMany(DomainError):
    """There are enough."""


class MuchTooMany(TooMany):
    """There are more than enough."""


def count_up_to_two(command: str, total: int) -> list[str]:
    if command == "again":
        return ["counted"]  # Breaks promise R3: asked twice, it counts twice.
    if total >= 2:
        raise TooMany(total)
    return ["counted"] if total == 0 else []


counter: Decider[str, str, int] = Decider(initial=int, decide=count_up_to_two, evolve=lambda total, _: total + 1)


def test_what_was_expected_passes():
    Given(counter).when("once").then("counted")
    Given(counter, "counted").when("once").then_nothing()
    Given(counter, "counted", "counted").when("once").then_refused(TooMany)


def test_a_command_that_counts_twice_is_noticed():
    with pytest.raises(AssertionError, match="'again' was carried out twice"):
        Given(counter).when("again")


@pytest.mark.parametrize("expected", [[], ["counted", "counted"], ["other"]])
def test_other_events_than_expected_are_noticed(expected: list[str]):
    with pytest.raises(AssertionError, match="recorded:\n  'counted'"):
        Given(counter).when("once").then(*expected)


def test_an_unexpected_refusal_is_noticed():
    with pytest.raises(AssertionError, match=r"refused: There are enough\. \(2\)"):
        Given(counter, "counted", "counted").when("once").then_nothing()


def test_a_missing_or_another_refusal_is_noticed():
    with pytest.raises(AssertionError, match="expected a refusal as TooMany, but it was recorded:\n  'counted'"):
        Given(counter).when("once").then_refused(TooMany)
    with pytest.raises(AssertionError, match="but it was refused as TooMany"):
        Given(counter, "counted", "counted").when("once").then_refused(MuchTooMany)
