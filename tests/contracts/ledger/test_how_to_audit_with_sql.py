"""docs/how_to/audit_with_sql.md: a role that sees only the view gets the answers that the page promises."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from earlier_ledgers import restored_ledger

pytestmark = pytest.mark.postgres

PAGE = Path(__file__).parents[3] / "docs" / "how_to" / "audit_with_sql.md"
ROLE, BY_ANN, BLOCKED, UNCLEARED = re.findall(
    r"^```sql\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.fixture
def auditor(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """The role of the page, on a ledger of 118 events."""
    with restored_ledger(database_url), psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(ROLE)
        connection.execute("SET ROLE auditor")
        yield connection
        connection.execute("RESET ROLE; DROP OWNED BY auditor; DROP ROLE auditor")


def test_the_role_reads_the_view_and_nothing_else(auditor: psycopg.Connection[Any]):
    assert auditor.execute("SELECT count(*) FROM ledger.events").fetchone() == (118,)
    for forbidden in ("SELECT FROM ledger.stored_events", "DELETE FROM ledger.events"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            auditor.execute(forbidden)


@pytest.mark.acceptance("0.07", part="the audit log, by a role that can only read it")
@pytest.mark.acceptance("2.36", part="the table of events is the audit trail: who did what, when, and by which command")
def test_what_a_person_did(auditor: psycopg.Connection[Any]):
    rows = auditor.execute(BY_ANN).fetchall()
    assert [name for _, _, name, _, _ in rows] == [
        "BatchReceived",
        "BatchReceived",
        "JobResumed",
        "JobCancelled",
        "JobCancelled",
    ]
    assert len({command for *_, command in rows}) == 5


def test_which_rules_kept_messages_back(auditor: psycopg.Connection[Any]):
    answers = [(rule, reason, jobs) for rule, reason, jobs, _ in auditor.execute(BLOCKED).fetchall()]
    assert answers == [("PE2", "no_lawful_basis", 1), ("PE8", "objected", 1), ("PE9", "consent_expired", 1)]


@pytest.mark.acceptance("PE10", part="SQL shows that nothing was sent uncleared")
def test_nothing_was_sent_that_had_not_been_cleared(auditor: psycopg.Connection[Any], database_url: str):
    assert auditor.execute(UNCLEARED).fetchall() == []
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            sql.SQL(
                "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state, notification_id)"
                " SELECT gen_random_uuid(), 1, topic, state, 999 FROM ledger.stored_events"
                " WHERE topic = 'StageStarted' LIMIT 1"
            )
        )
    assert [position for position, _, _ in auditor.execute(UNCLEARED).fetchall()] == [999]
