"""The reference pages are what the code says: every command and every setting, with its meaning."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from dispatch.entrypoints.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"


@pytest.mark.parametrize("tool", ["cli_reference", "settings_reference"])
def test_the_page_is_current(tool: str):
    command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_setting_has_its_variable_its_default_and_a_meaning():
    page = (PAGES / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(DISPATCH_\w+)` \| (\w+) \| (?:`(.*?)`|\(empty\)) \| (.*) \|$", page, re.MULTILINE)
    fields = msgspec.structs.fields(Settings)
    assert [variable for variable, *_ in rows] == [PREFIX + field.name.upper() for field in fields]
    assert [default for _, _, default, _ in rows] == [str(field.default) for field in fields]
    assert [variable for variable, _, _, meaning in rows if len(meaning) < 10] == []


def test_every_variable_of_the_page_is_read(tmp_path: Path):
    page = (PAGES / "settings.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^\| `(DISPATCH_\w+)` \| (\w+)", page, re.MULTILINE)
    values = {variable: "true" if kind == "bool" else "7" for variable, kind in kinds}
    # Neither a text of any kind nor a number.
    formed = (
        "STAGES",
        "WEBHOOK_SENDERS",
        "PROVIDER_RATES",
        "TRUSTED_PROXIES",
        "ZONE_LIMITS",
        "NOTIFIER_RECEIPT_SECRETS",
    )
    values |= dict.fromkeys((f"DISPATCH_{name}" for name in formed), "")
    values |= {"DISPATCH_INBOUND_PLAN": "paid", "DISPATCH_NOTIFIER_RECEIPTS": "both"}
    loaded = load_settings(values)
    assert set(loaded.sources.values()) == set(values)


def test_every_command_is_in_the_page_with_its_exit_codes():
    page = (PAGES / "cli.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ dispatch ?(.*)$", page, re.MULTILINE))
    assert headings >= {
        "up",
        "batch upload",
        "batch errors",
        "job show",
        "view rebuild",
        "pipeline",
        "config",
        "doctor",
    }
    assert "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 a person's approval is waited for." in page
