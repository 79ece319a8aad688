"""A wish to stop: heard at any moment, by whoever waits, and by a process that is asked many times at once."""

import subprocess
import sys
import threading
import time

from dispatch.entrypoints.cli.stop_request import StopRequest

ASKED_AT_EVERY_LINE = """
import signal, sys
from dispatch.entrypoints.cli.stop_request import stop_on_signals

stop = stop_on_signals()
files = {sys.modules[type(stop).__module__].__file__}
asked = 0

def at_every_line(frame, event, argument):
    global asked
    if frame.f_code.co_filename not in files:
        return None
    asked += 1
    signal.raise_signal(signal.SIGTERM)
    return at_every_line

sys.settrace(at_every_line)
assert stop.wait(5)
stop.set()
assert stop.wait(0)
sys.settrace(None)
print("asked", asked)
"""


TAKEN_BY_ANOTHER_THREAD = """
import os, signal, threading, time
from dispatch.entrypoints.cli.stop_request import stop_on_signals

stop = stop_on_signals()

def ask():
    time.sleep(0.3)  # Until the main thread waits.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

threading.Thread(target=ask, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # Of the main thread alone: the other one gets it.
assert stop.wait()
print("stopped")
"""


def test_a_request_is_heard_by_everybody_who_waits():
    stop, heard = StopRequest(), []
    waiting = [threading.Thread(target=lambda: heard.append(stop.wait(30))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert not stop.is_set()
    stop.set()
    for thread in waiting:
        thread.join(30)
    assert heard == [True, True, True]
    assert stop.is_set()
    assert stop.wait(0)


def test_who_waits_without_a_request_waits_for_so_long():
    started = time.monotonic()
    assert StopRequest().wait(0.05) is False
    assert time.monotonic() - started >= 0.05


def test_a_signal_in_the_middle_of_waiting_and_asking_does_not_wait_for_itself():
    done = subprocess.run(
        [sys.executable, "-c", ASKED_AT_EVERY_LINE], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.removeprefix("asked ")) > 10


def test_a_signal_that_another_thread_has_got_is_heard():
    done = subprocess.run(
        [sys.executable, "-c", TAKEN_BY_ANOTHER_THREAD], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
