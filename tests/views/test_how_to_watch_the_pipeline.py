"""docs/how_to/watch_the_pipeline.md: its questions run, as a reader, and every view that it names is one."""

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

PAGE = (Path(__file__).parents[2] / "docs" / "how_to" / "watch_the_pipeline.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.acceptance("2.34", part="the question that asks for it runs")
def test_the_questions_run_as_the_reader(ledger, projector, database_url):
    for _ in World(ledger, seed=1).history(batches=4, steps=160):
        pass
    catch_up(projector)
    engine = open_engine(database_url, read_only=True, poolclass=NullPool)
    assert len(QUESTIONS) == 5
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user::text")).scalar() == "dispatch_reader"
        answers = [connection.execute(text(question)).fetchall() for question in QUESTIONS]
    assert all(answers), "each of them has something to say of this history"
    engine.dispose()


def test_every_view_that_it_names_is_one_for_readers():
    named = set(re.findall(r"`((?:intake|ops)\.\w+)`", PAGE))
    assert len(named) == 6
    assert named <= set(readable(kind() for kind in VIEWS.values()))
