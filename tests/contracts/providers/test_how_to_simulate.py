"""docs/how_to/simulate_providers.md names every scenario and every field, and its file can be used."""

import re
from pathlib import Path

from dispatch.adapters.providers.simulator import PRESETS, Scenario, scenario_of

PAGE = (Path(__file__).parents[3] / "docs" / "how_to" / "simulate_providers.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> set[str]:
    """What the first column of the table below this line of the page names."""
    table = PAGE[PAGE.index(heading) :].split("\n\n")[0]
    return {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}


def test_the_page_lists_every_scenario_and_every_field():
    assert first_cells("| scenario | what happens |") == set(PRESETS)
    assert first_cells("| field | |") == set(Scenario.__struct_fields__)


def test_the_file_of_the_page_can_be_used(tmp_path: Path):
    [text] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    scenario = scenario_of(str(path))
    assert (scenario.unavailable, scenario.receipts_copies) == (PRESETS["flaky"].unavailable, 3)
