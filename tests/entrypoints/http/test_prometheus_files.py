"""deploy/prometheus.yml and its alerts: what they ask for is there, and each alert leads to a place in the runbook."""

import re
from pathlib import Path

import pytest
import yaml
from http_door import Door, as_csv, rows

ROOT = Path(__file__).parents[3]
CONFIG = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


@pytest.mark.postgres
@pytest.mark.acceptance("4.12")
async def test_what_is_scraped_is_there(own_door: Door):
    [scrape] = CONFIG["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": ["api:8080"]}], "the service of docker-compose.yml"
    batch_id = await own_door.take_in(as_csv(rows(2, prefix="PROM")))
    await own_door.escalate((await own_door.job_ids(batch_id))[0])
    text = (await own_door.client.get(scrape["metrics_path"])).text
    asked = {name for rule in RULES for name in re.findall(r"dispatch_engine_\w+", rule["expr"])}
    assert len(asked) == 4
    assert [name for name in asked if not re.search(rf"^(# TYPE )?{name}\b", text, re.MULTILINE)] == []


@pytest.mark.acceptance("4.12", part="the alerts that go with it, each with its place in the runbook")
def test_each_alert_leads_to_the_runbook():
    assert CONFIG["rule_files"] == ["alerts.yml"]
    titles = re.findall(r"^## (.*)$", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for rule in RULES:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/runbook.md"
        assert not anchor or anchor in anchors, rule["alert"]
        assert rule["annotations"]["summary"]
