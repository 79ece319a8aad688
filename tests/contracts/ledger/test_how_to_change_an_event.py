"""docs/how_to/change_an_event.md: the change that it makes can be made, and old events are read after it."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dispatch.adapters.upcasting import Shapes

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how_to" / "change_an_event.md").read_text(encoding="utf-8")
EVENT, STEP = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[GOLDEN] = re.findall(r"^```json\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
FIRST = (ROOT / "tests" / "domain" / "golden" / "StageFailed.1.json").read_bytes()


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    for code in (EVENT, STEP):
        exec(code, names)  # noqa: S102 - the page's own code
    return names


def test_the_new_version_is_stored_under_the_name_that_the_page_says(page):
    shapes = Shapes({"StageFailed": page["StageFailed"]}, page["STEPS"])
    assert shapes.names == {page["StageFailed"]: "StageFailed.2"}
    event = shapes.decoders["StageFailed.2"].decode(GOLDEN)
    assert msgspec.json.encode(event).decode() == GOLDEN


def test_an_event_of_the_first_version_is_read_as_one_of_today(page):
    shapes = Shapes({"StageFailed": page["StageFailed"]}, page["STEPS"])
    name, state = shapes.lift("StageFailed", FIRST)
    event = shapes.decoders[name].decode(state)
    assert msgspec.json.encode(event).decode() == GOLDEN
    assert page["with_kind"]({"transient": False}) == {"kind": "refusal"}
