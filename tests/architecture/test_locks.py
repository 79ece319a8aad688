"""Advisory locks: each has a number of its own, and all of them are in one place."""

import re
from pathlib import Path

from dispatch.adapters.postgres.locks import Lock

SOURCE = Path(__file__).parents[2] / "src" / "dispatch"
MIGRATION = SOURCE / "adapters" / "postgres" / "migrations" / "versions" / "0001_ledger.py"


def test_no_two_locks_have_one_number():
    assert len(Lock.__members__) == len({lock.value for lock in Lock}) > 6
    assert Lock.APPEND == 7235441202855961448
    assert str(Lock.APPEND.value) in MIGRATION.read_text(encoding="utf-8")


def test_every_lock_is_taken_by_its_name():
    """A number of one's own would sooner or later be somebody else's too."""
    for path in SOURCE.rglob("*.py"):
        if path != MIGRATION:
            found = re.findall(r"72354412028559\d+", path.read_text(encoding="utf-8"))
            assert found == [] or path.name == "locks.py", path
