"""`dispatch stats`: numbers and small charts of the intake."""

import pytest

from dispatch.entrypoints.cli.charts import bar

pytestmark = pytest.mark.postgres


@pytest.fixture
def batches(system, run, jobs_file) -> list[str]:
    """One of 19 good rows and a bad one, and one that is refused whole."""
    files = jobs_file(good=19, bad=1, name="a.csv"), jobs_file(good=1, bad=3, name="b.csv", prefix="B")
    ids = [run("batch", "upload", file, "--json").json()["batch_id"] for file in files]
    for batch_id in ids:
        system.admit(batch_id)
    return ids


@pytest.mark.acceptance("1.07", part="dispatch stats batches")
def test_batches(run, batches: list[str]):
    found = run("stats", "batches", "--json").json()
    assert (found["totals"]["batches"], found["totals"]["invalid_rows"]) == (2, 4)
    assert sum(hour["rows"] for hour in found["hours"]) == 24
    assert [row["batch_id"] for row in found["batches"]] == batches[::-1]
    shown = run("stats", "batches", "--hours", "3")
    assert shown.code == 0
    assert "24: 20 valid, 4 invalid, 0 duplicates" in shown.out
    assert "Error rate 75.0% exceeded threshold 10%" in shown.out
    assert "█" in shown.out
    assert run("stats", "batches", "--hours", "169").code == 2


@pytest.mark.acceptance("1.09", part="dispatch stats errors")
def test_errors(run, batches: list[str]):
    [code] = run("stats", "errors", "--json").lines()
    assert (code["error_code"], code["errors"], code["batches"]) == ("invalid_money", 4, 2)
    assert "invalid_money" in run("stats", "errors").out
    [of_batch] = run("stats", "errors", "--batch", batches[0][:8], "--json").lines()
    assert (of_batch["errors"], of_batch["first_row"], of_batch["columns"]) == (1, 20, ["price"])
    assert "cheap" in run("stats", "errors", "--batch", batches[0]).out
    assert run("stats", "errors", "--batch", "ffff").err.startswith("error batch_unknown\n")


@pytest.mark.acceptance("1.60", part="dispatch stats trends")
def test_trends(run, batches: list[str]):
    for period in ("day", "week", "month"):
        [point] = run("stats", "trends", "--by", period, "--json").lines()
        assert (point["refused_rows"], point["rows"], point["error_rate_percent"]) == (4, 24, 16.67)
        shown = run("stats", "trends", "--by", period, "--last", "3").out
        assert "16.67%" in shown
        assert len([line for line in shown.splitlines() if line.strip()]) == 5  # Head, rule and three periods.


def test_without_batches_it_says_where_they_come_from(system, run):
    for what in ("batches", "trends"):
        answer = run("stats", what)
        assert (answer.code, answer.out) == (0, "")
        assert "dispatch batch upload" in answer.err
    assert run("stats", "errors").err == "Nothing was refused.\n"


def test_bars():
    assert bar(0, 10) == bar(1, 0) == ""
    assert bar(10, 10, width=4) == "████"
    assert bar(20, 10, width=4) == "████"
    assert bar(5, 10, width=4) == "██"
    assert bar(0.001, 10, width=4) == "▏"
    assert bar(5.5, 10, width=4) == "██▎"
