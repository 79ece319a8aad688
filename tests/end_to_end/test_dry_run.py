"""A dry run on a running system foretells what the providers are then asked."""

from pathlib import Path

import msgspec
import pytest

from end_to_end.running import dispatch, stats, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(180)]
HEADER = "reference,service,price,customer_name,phone,email,postcode,lawful_basis,sale_ref\n"
GOOD = "DRY-{0},boiler service,85.00,Ann Example,07700 900123,ann{0}@example.org,LS1 4AP,contract,S-1\n"
BLOCKED = "DRY-{0},boiler service,85.00,Ann Example,07700 900123,ann{0}@example.org,LS1 4AP,,\n"


@pytest.mark.acceptance("1.12", part="the provider is asked as often as the dry run said, where nothing fails")
def test_the_providers_are_asked_as_often_as_was_said(tmp_path: Path):
    path = tmp_path / "jobs.csv"
    path.write_text(HEADER + "".join((BLOCKED if number % 5 == 0 else GOOD).format(number) for number in range(60)))
    data = tmp_path / "data"
    with up(data, "--scenario", "calm") as running:
        upload = ["batch", "upload", str(path), "--data", str(data), "--json"]
        said = msgspec.json.decode(dispatch(*upload, "--dry-run").stdout)
        assert stats(running.note["simulator_url"])["requests"] == 0
        done = msgspec.json.decode(dispatch(*upload, "--wait").stdout)["batch"]
        asked = stats(running.note["simulator_url"])["requests"]
        estimate = msgspec.json.decode(dispatch(*upload, "--dry-run", "--force").stdout)["estimate"]
    assert (said["jobs"], said["allowed"], said["blocked"]) == (done["jobs"], done["delivered"], done["blocked"])
    assert sum(stage["calls"] for stage in said["calls"]) == asked == 2 * 60 + 2 * 48
    assert said["estimate"]["seconds"] is None
    assert estimate["pace"]["batches"] == 1
    assert estimate["seconds"] is not None, "measured now; every reference is known, so it may be no time at all"
