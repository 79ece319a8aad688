"""The three messages, to the letter."""

import pytest

from dispatch.application.intake.messages import UiState, batch_message


@pytest.mark.acceptance("1.26")
def test_success():
    message = batch_message(rows=5000, ingested=5000, rejected=0)
    assert message.text == "Batch Complete. 5,000 Rows Ingested."
    assert (message.state, message.colour) == (UiState.SUCCESS, "green")


@pytest.mark.acceptance("1.27")
def test_partial():
    message = batch_message(rows=5000, ingested=4950, rejected=50)
    assert message.text == "Batch Complete with Warnings. 4,950 Ingested, 50 Errors."
    assert (message.state, message.colour) == (UiState.PARTIAL, "yellow")


@pytest.mark.acceptance("1.28")
def test_failed():
    message = batch_message(rows=40, ingested=0, rejected=6)
    assert message.text == "Batch Rejected. Error Rate 15% > 10% Budget."
    assert (message.state, message.colour) == (UiState.ERROR, "red")


@pytest.mark.parametrize(
    ("rejected", "rows", "rate"), [(1, 8, "12.5"), (1, 3, "33.3"), (10_001, 100_000, "10.001"), (5, 5, "100")]
)
def test_a_broken_budget_never_reads_as_kept(rejected: int, rows: int, rate: str):
    assert f"Error Rate {rate}% > 10% Budget." in batch_message(rows=rows, ingested=0, rejected=rejected).text


def test_exactly_the_budget_passes():
    assert batch_message(rows=100, ingested=90, rejected=10).state is UiState.PARTIAL


def test_one_is_not_many():
    assert batch_message(rows=2, ingested=1, rejected=1, threshold_percent=50).text.endswith("1 Ingested, 1 Error.")
    assert batch_message(rows=1, ingested=1, rejected=0).text == "Batch Complete. 1 Row Ingested."


@pytest.mark.acceptance("1.25")
def test_the_six_states():
    assert list(UiState) == ["idle", "uploading", "processing", "success", "partial", "error"]
