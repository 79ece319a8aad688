"""Reading stored rows as they are: their canonical bytes, and a connection that is good for more afterwards."""

from itertools import islice
from uuid import UUID

import psycopg
import pytest

from dispatch.adapters.seal.leaves import entry_of, leaf_data, position_of, read_rows

pytestmark = pytest.mark.postgres

# docs/ledger_format.md: version 1, nine fields, each with its length.
GOLDEN = (
    "01" "0009"
    "00000008" "0000000000000007"
    "00000010" "019aaf6c1c0083f28c1e7a4d00000007"
    "00000008" "0000000000000002"
    "0000000c" "4a6f6244656c697665726564"
    "00000008" "000000000001e240"
    "00000003" "616e6e"
    "ffffffff"
    "00000010" "3f2b8c1e7a4d8e5f9b6a0c1d2e3f4a5b"
    "00000002" "7b7d"
)  # fmt: skip


def test_the_canonical_bytes_are_those_of_the_document(superuser):
    superuser.execute(
        "INSERT INTO ledger.stored_events VALUES ('019aaf6c-1c00-83f2-8c1e-7a4d00000007', 2, 'JobDelivered', '{}', 7,"
        " '2000-01-01 00:00:00.123456+00', 'ann', NULL, '3f2b8c1e-7a4d-8e5f-9b6a-0c1d2e3f4a5b')"
    )
    [row] = read_rows(superuser, 0)
    assert leaf_data(row).hex() == GOLDEN
    entry = entry_of(row)
    assert (entry.position, UUID(entry.stream).hex, entry.version) == (7, "019aaf6c1c0083f28c1e7a4d00000007", 2)
    assert (entry.actor, entry.correlation_id, entry.state) == ("ann", None, b"{}")


def test_a_range_is_read_in_order(grow, superuser):
    grow(20)
    assert [position_of(row) for row in read_rows(superuser, 3, through=9)] == [4, 5, 6, 7, 8, 9]
    assert [position_of(row) for row in read_rows(superuser, 3, limit=2)] == [4, 5]
    assert list(read_rows(superuser, 20)) == []


def test_who_stops_early_leaves_a_good_connection(grow, superuser):
    grow(2_000)
    for stop_after in (0, 1, 5):
        rows = read_rows(superuser, 0)
        assert len(list(islice(rows, stop_after))) == stop_after
        rows.close()
        assert superuser.execute("SELECT 1").fetchone() == (1,)
        with superuser.transaction():
            assert len(list(read_rows(superuser, 0))) == 2_000


def test_an_error_of_postgres_is_one_of_psycopgs(grow, superuser):
    grow(2)
    with superuser.transaction(force_rollback=True):
        superuser.execute("ALTER TABLE ledger.stored_events RENAME TO gone")
        with pytest.raises(psycopg.errors.UndefinedTable), superuser.transaction():
            list(read_rows(superuser, 0))
    superuser.close()
    with pytest.raises(psycopg.OperationalError):
        list(read_rows(superuser, 0))
