"""docs/how_to/watch_the_pipeline.md and the runbook: their questions run, as a reader; the views are there."""

import re
from pathlib import Path

import pytest
from following import catch_up
from sqlalchemy import text
from sqlalchemy.pool import NullPool

from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.views.catalogue import VIEWS, readable
from histories import World

pytestmark = pytest.mark.postgres

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "how_to" / "watch_the_pipeline.md").read_text(encoding="utf-8")
ERROR_RATE = (
    (DOCS / "runbook.md").read_text(encoding="utf-8").split("## The error rate is too high")[1].split("\n## ")[0]
)


def questions_of(text: str) -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.acceptance("2.23", part="the questions about the last hour run as they are written")
@pytest.mark.acceptance("2.34", part="the question that asks for it runs")
def test_the_questions_run_as_the_reader(ledger, projector, database_url):
    for _ in World(ledger, seed=1).history(batches=4, steps=160):
        pass
    catch_up(projector)
    engine = open_engine(database_url, read_only=True, poolclass=NullPool)
    questions, of_the_runbook = questions_of(PAGE), questions_of(ERROR_RATE)
    assert (len(questions), len(of_the_runbook)) == (6, 2)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user::text")).scalar() == "dispatch_reader"
        answers = [connection.execute(text(question)).fetchall() for question in questions]
        for question in of_the_runbook:
            assert connection.execute(text(question)).keys()
    assert all(answers), "each of them has something to say of this history"
    engine.dispose()


def test_every_view_that_it_names_is_one_for_readers():
    named = set(re.findall(r"`((?:intake|ops)\.\w+)`", PAGE))
    assert len(named) == 7
    assert named <= set(readable(kind() for kind in VIEWS.values()))
