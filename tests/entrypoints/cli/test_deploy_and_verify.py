"""docs/runbook.md, "Roll out a version": what the migration prints, and the queries that verify it, as written."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dispatch.adapters.postgres.migrate import newest_revision
from dispatch.adapters.postgres.views.catalogue import DERIVED, VIEWS

pytestmark = pytest.mark.postgres

PAGE = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Roll out a version")[1].split("\n## ")[0]
QUERIES = re.findall(r"^```sql\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


@pytest.fixture
def database_url(empty_url: str) -> str:
    """It is migrated by the test: a copy would be older."""
    return empty_url


@pytest.fixture
def answers(system, run, database_url: str) -> list[list[tuple[Any, ...]]]:
    """What the queries say of a database that was just migrated."""
    assert run("migrate").out == f"the database is at revision {newest_revision()}\n"
    with psycopg.connect(database_url) as owner:
        return [owner.execute(query.encode()).fetchall() for query in QUERIES]


@pytest.mark.acceptance("2.05", part="a migration prints its success; triggers and views are verified by query")
def test_triggers_and_views_are_verified_by_query(answers):
    triggers, relations, _ = answers
    assert [(table, always) for table, _, always in triggers] == [
        ("ledger.seal_checkpoints", True),
        ("ledger.stored_events", True),
    ]
    there = {name for (name,) in relations}
    assert set(DERIVED) <= there
    assert {f"{view.home}.{table}" for view in VIEWS.values() for table in view.tables} <= there


@pytest.mark.acceptance("2.02")
def test_each_schema_has_its_own_rights(answers):
    _, _, schemas = answers
    assert schemas == [
        ("intake", True, True),
        ("ledger", True, False),
        ("ops", True, True),
        ("privacy", True, False),
        ("rebuild", True, False),
    ]
