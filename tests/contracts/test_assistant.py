"""The second process: what it answers, how it fails, and that it never outlives whoever asked it."""

import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from assistant_process import dies, doubled, in_memory, own_pid, refuses, refuses_in_its_own_way, sleeps
from dispatch.application.ports.assistant import AssistantGone
from dispatch.application.ports.ledger import LedgerUnavailable


@pytest.fixture
def assistant():
    assistant = in_memory()
    yield assistant
    assistant.close()


def pid_of(assistant):
    with assistant.work(own_pid) as answers:
        [pid] = answers
    return pid


def is_gone(pid, within_s=30.0):
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_answers_come_in_the_order_of_the_items_and_from_another_process(assistant):
    with assistant.work(doubled, range(1_000)) as answers:
        assert list(answers) == list(range(0, 2_000, 2))
        assert next(answers, None) is None, "what is over stays over"
    assert pid_of(assistant) != os.getpid()


def test_it_is_started_once_and_kept(assistant):
    assert pid_of(assistant) == pid_of(assistant)


def test_what_a_task_raises_is_raised_here_at_its_place(assistant):
    seen = []
    with assistant.work(refuses, range(10)) as answers, pytest.raises(ValueError, match="three"):
        seen.extend(iter(answers.__next__, None))
    with assistant.work(doubled, [1]) as answers:  # The next one begins anew.
        assert list(answers) == [2]


def test_an_error_that_cannot_travel_is_named_without_its_words(assistant):
    with assistant.work(refuses_in_its_own_way) as answers:
        assert next(answers) == 1
        with pytest.raises(RuntimeError, match=r"^Stubborn$"):
            next(answers)


def test_what_items_raise_is_raised_here(assistant):
    def items():
        yield 1
        raise LedgerUnavailable("gone")

    with assistant.work(doubled, items()) as answers:
        assert next(answers) == 2
        with pytest.raises(LedgerUnavailable, match=r"^gone$"):
            next(answers)
    assert pid_of(assistant)


def test_its_death_is_said_and_the_next_piece_of_work_gets_another(assistant):
    first = pid_of(assistant)
    with assistant.work(dies, count()) as answers:
        assert next(answers) == 0
        with pytest.raises(AssistantGone):
            next(answers)
    assert pid_of(assistant) != first


def test_whoever_leaves_early_ends_the_work(assistant):
    with assistant.work(sleeps) as answers:
        pid = next(answers)
    assert is_gone(pid)
    with assistant.work(doubled, [1]) as answers:
        assert list(answers) == [2]


def test_no_more_than_a_few_items_are_under_way(assistant):
    made = []

    def items():
        for number in range(1_000):
            made.append(number)
            yield b"x" * 1_000_000

    with assistant.work(doubled, items()) as answers:
        next(answers)
        time.sleep(0.5)
        assert len(made) < 40


def test_it_ends_with_the_process_that_started_it():
    script = (
        "import sys; from assistant_process import *\n"
        "with in_memory().work(sleeps) as answers: print(next(answers), flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    with starter:
        pid = int(starter.stdout.readline())
        starter.kill()
    assert is_gone(pid)
