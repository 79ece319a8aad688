"""What is recorded is neither changed nor removed: the database itself refuses, whoever asks."""

import psycopg
import pytest

from dispatch.adapters.postgres.inspection import inspect_server
from ledgers import new_id, opened_ledger, start

pytestmark = pytest.mark.postgres

CHANGES = {
    "update": "UPDATE ledger.stored_events SET actor = 'eve'",
    "update of nothing": "UPDATE ledger.stored_events SET actor = 'eve' WHERE false",
    "delete": "DELETE FROM ledger.stored_events",
    "truncate": "TRUNCATE ledger.stored_events",
    "checkpoints": "DELETE FROM ledger.seal_checkpoints",
    "upsert": (
        "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state)"
        " SELECT originator_id, originator_version, topic, '{}' FROM ledger.stored_events"
        " ON CONFLICT (originator_id, originator_version) DO UPDATE SET state = excluded.state"
    ),
}


@pytest.mark.acceptance("0.09", part="the database refuses changes")
@pytest.mark.acceptance("X6", part="a trigger, not only grants")
@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize("change", CHANGES)
def test_even_the_superuser_is_refused(database_url: str, change: str, mode: str):
    with opened_ledger(database_url) as ledger:
        ledger.append([start(new_id())])
        head = ledger.head()
        with psycopg.connect(database_url, autocommit=True) as superuser:
            superuser.execute(f"SET session_replication_role = {mode}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the ledger is append-only"):
                superuser.execute(CHANGES[change])
        ledger.append([start(new_id())])
        assert [recorded.actor for recorded in ledger.read(0, 10) if recorded.actor == "eve"] == []
        assert ledger.head() > head


def test_a_guard_that_is_off_is_seen(empty_url: str):
    assert inspect_server(empty_url).is_append_only is False  # Not migrated.
    with opened_ledger(empty_url):
        assert inspect_server(empty_url).is_append_only is True
        with psycopg.connect(empty_url, autocommit=True) as owner:
            owner.execute("ALTER TABLE ledger.stored_events DISABLE TRIGGER append_only")
        assert inspect_server(empty_url).is_append_only is False
