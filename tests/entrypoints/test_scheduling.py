"""Processes that only follow give way to those that work; nobody else does."""

import os
import sys

import pytest

from dispatch.entrypoints.roles import ROLES
from dispatch.entrypoints.scheduling import FOLLOWERS, NICENESS
from processes import start_owner

SAYS = """
import os, sys, threading
from dispatch.entrypoints.scheduling import give_way

given = give_way(sys.argv[1:])
found = []
def look():
    found.append((os.sched_getscheduler(0) == os.SCHED_BATCH, os.getpriority(os.PRIO_PROCESS, 0)))
thread = threading.Thread(target=look)
thread.start()
thread.join()
print(given, *found[0], flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what is asked is known to Linux alone")
@pytest.mark.parametrize(
    ("roles", "gives_way"),
    [
        (["publisher", "timers", "sources", "sealer"], True),
        (["projector"], True),
        (["relay"], False),
        (["worker"], False),
        (["relay", "publisher"], False),
    ],
)
def test_who_only_follows_gives_way_in_every_thread(roles, gives_way):
    with start_owner(SAYS, *roles) as process:
        said = process.stdout.readline().split()
    assert said[0] == str(gives_way)
    assert (said[1] == "True") is gives_way
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(said[2]) == (min(19, ours + NICENESS) if gives_way else ours)


def test_followers_are_roles_and_those_that_work_are_none():
    assert set(ROLES) - FOLLOWERS == {"api", "intake", "worker", "relay"}
    assert set(ROLES) > FOLLOWERS
