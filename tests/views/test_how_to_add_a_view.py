"""docs/how_to/add_a_view.md: the view that it adds can be added to a ledger that has grown, and rebuilt."""

import re
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from following import catch_up

from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.rebuild import rebuild
from dispatch.adapters.postgres.views import catalogue
from dispatch.application.ports.ledger import Append, Cause
from dispatch.domain.job.events import JobBlocked
from examples import NOON

pytestmark = pytest.mark.postgres

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "add_a_view.md"
[FILE] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
ROWS = "SELECT rule, jobs, first_at FROM ops.blocks_by_rule ORDER BY rule"


def test_the_view_is_filled_from_the_beginning_and_equals_its_rebuild(database_url, ledger, projector, monkeypatch):
    blocks = [("objected", 0), ("no_basis", 1), ("objected", 2)]
    for number, (rule, minutes) in enumerate(blocks, 1):
        job_id = f"00000000-0000-8000-8000-{number:012d}"
        event = JobBlocked(job_id=job_id, at=NOON + timedelta(minutes=minutes), stage="clear", rule=rule, reason="")
        ledger.append([Append(job_id, 0, [event], Cause(command_id=job_id, correlation_id=job_id))])
    catch_up(projector)  # The other views are ahead when the new one comes.

    names: dict[str, object] = {}
    exec(FILE, names)  # noqa: S102 - the page's own code
    view = names["BlocksByRuleView"]
    monkeypatch.setitem(catalogue.VIEWS, view.name, view)
    extended = Projector(database_url, ledger)
    assert extended.prepare() == []
    catch_up(extended, limit=2)
    extended.close()

    with psycopg.connect(database_url, autocommit=True) as connection:
        served = connection.execute(ROWS).fetchall()
        assert [(rule, jobs, at) for rule, jobs, at in served] == [
            ("no_basis", 1, NOON + timedelta(minutes=1)),
            ("objected", 2, NOON),
        ]
        rebuilt = rebuild(database_url, ledger, view.name)
        assert rebuilt.same
        assert connection.execute(ROWS).fetchall() == served
