"""Charts of the page: the intake by the hour and the trend of the error rate, drawn, said and in a table."""

import pytest
from http_door import CANARIES, Door, as_csv, rows
from test_http_page import HTML, Reader

from dispatch.application.ports.statistics import Period
from dispatch.entrypoints.http.dashboard.charts import columns, nice
from dispatch.entrypoints.http.dashboard.operations import RecentOperations


@pytest.mark.postgres
@pytest.mark.acceptance("1.54")
@pytest.mark.acceptance("1.60", part="the trend on the page, by day, week and month")
async def test_the_page_shows_hours_and_trend(own_door: Door):
    empty = Reader((await own_door.client.get("/", headers=HTML)).text)
    assert "shows here from the first file on" in empty.text
    await own_door.take_in(as_csv(rows(40, bad=2, prefix="A")))
    await own_door.take_in(as_csv(rows(20, bad=5, prefix="B")))
    page = await own_door.client.get("/", headers=HTML)
    while "60 rows" not in page.text:  # On a busy machine the first look took so long that it is kept for a moment.
        page = await own_door.client.get("/", headers=HTML)
    read = Reader(page.text)
    assert "operations" in read.ids
    assert "2 batches, 1 of them rejected; 60 rows, 11.67 % refused" in read.text
    assert page.text.count('<rect class="taken"') == page.text.count('<rect class="rate"') == 1
    assert 'class="budget"' in page.text
    labels = {value for tag, name, value in read.attributes if (tag, name) == ("svg", "aria-label")}
    assert "Error rate by day; the table below says the same" in labels
    assert not [canary for canary in CANARIES if canary in page.text]
    for period in ("week", "month"):
        other = (await own_door.client.get("/", params={"by": period}, headers=HTML)).text
        assert f"Error rate by {period}" in other
        assert f'by={period}#operations" aria-current="true"' in other
    assert (await own_door.client.get("/", params={"by": "year"}, headers=HTML)).status_code == 400


def test_columns_stand_on_the_ground_under_one_scale():
    chart = columns([("a", [("taken", 30.0), ("rejected", 10.0)]), ("b", []), ("c", [("taken", 0.001)])], mark=20)
    assert chart.most == 50
    assert chart.line == 60
    first, empty, tiny = chart.columns
    assert [(part.name, part.y, part.height) for part in first.parts] == [("taken", 40, 60), ("rejected", 20, 20)]
    assert empty.parts == []
    assert tiny.parts[0].height == 1.5  # Seen, however little.
    assert 0 < first.x < first.x + first.width < empty.x < tiny.x + tiny.width < 1000


@pytest.mark.parametrize(
    ("value", "end"), [(0, 1), (1, 1), (1.01, 1.25), (2.2, 2.5), (40, 50), (99, 100), (100, 100), (12_345, 12_500)]
)
def test_scales_end_at_round_numbers(value: float, end: float):
    assert nice(value) == end


class Slow:
    """Statistics that take a while, and count how often they are asked."""

    def __init__(self) -> None:
        self.asked, self.now = 0, 0.0

    def batch_hours(self, *, hours: int) -> list:
        self.asked += 1
        self.now += 0.1
        return []

    def error_trend(self, period: Period, *, limit: int) -> list:
        return []


def test_sums_over_all_batches_take_a_twentieth_of_the_time_at_most():
    slow = Slow()
    operations = RecentOperations(slow, 10, clock=lambda: slow.now)
    first = operations(Period.DAY)
    assert first.is_quiet
    assert operations(Period.DAY) is first
    slow.now += 0.9  # (0.1 - 0.05) / 0.05 = 1 s.
    assert operations(Period.DAY) is first
    slow.now += 0.2
    assert operations(Period.DAY) is not first
    assert slow.asked == 2
    operations(Period.WEEK)
    assert slow.asked == 3
