"""Advisory locks: each has a number of its own, and all of them are in one place."""

import re
from pathlib import Path

from dispatch.adapters.postgres.locks import Lock

SOURCE = Path(__file__).parents[2] / "src" / "dispatch"
REVISIONS = SOURCE / "adapters" / "postgres" / "migrations" / "versions"
OURS = re.compile(r"72354412028559\d+")


def test_no_two_locks_have_one_number():
    assert len(Lock.__members__) == len({lock.value for lock in Lock}) > 6
    assert Lock.APPEND == 7235441202855961448


def test_every_lock_is_taken_by_its_name():
    """A number of one's own would sooner or later be somebody else's too."""
    for path in SOURCE.rglob("*.py"):
        if path.parent != REVISIONS:
            found = OURS.findall(path.read_text(encoding="utf-8"))
            assert found == [] or path.name == "locks.py", path


def test_every_function_that_appends_takes_the_lock_of_appends():
    """A revision is frozen as it was, so it has the number itself."""
    texts = [path.read_text(encoding="utf-8") for path in REVISIONS.glob("*.py")]
    appending = [text for text in texts if re.search(r"FUNCTION ledger\.append\(", text)]
    assert len(appending) > 1
    assert {number for text in texts for number in OURS.findall(text)} == {str(Lock.APPEND.value)}
    assert all(f"pg_advisory_xact_lock({Lock.APPEND.value})" in text for text in appending)
