"""The setting of stages: what it may say, what stands where it is silent, and what is wrong with a bad one."""

from pathlib import Path

import pytest

from dispatch.application.stages import find_stages
from dispatch.domain.retry import RetryPolicy
from dispatch.entrypoints.settings import SettingsError, load_settings
from dispatch.entrypoints.stage_settings import stages_in_force, stages_set

WHOLE = """
[stages.enrich]
attempts_max = 7
delay_first_s = 2
delay_cap_s = 90.5
jitter_s = 0
retry_after_cap_s = 600
in_flight_max = 20
"""
OLD = """
# 3 retries of the enrichment, a minute apart; 2 of the verification, half a minute apart.
[stages.enrich]
attempts_max = 4
delay_first_s = 60
delay_cap_s = 60
in_flight_max = 1

[stages.verify]
attempts_max = 3
delay_first_s = 30
delay_cap_s = 30
"""


def test_without_a_word_each_stage_keeps_what_its_file_says():
    assert stages_in_force("") == find_stages()
    assert stages_set("") == {}


def test_everything_that_can_be_said_of_a_stage():
    stages, own = stages_in_force(WHOLE), find_stages()
    assert stages["enrich"].in_flight_max == 20
    assert stages["enrich"].retry == RetryPolicy(
        attempts_max=7, delay_first_s=2, delay_cap_s=90.5, jitter_s=0, retry_after_cap_s=600
    )
    assert list(stages) == list(own), "their order is the same"
    assert {name for name in stages if stages[name] != own[name]} == {"enrich"}
    assert stages["enrich"].call is own["enrich"].call


def test_a_field_that_is_not_named_stays():
    enrich = stages_in_force("stages.enrich.attempts_max = 2")["enrich"]
    assert enrich.retry == RetryPolicy(attempts_max=2)
    assert stages_set("stages.enrich.attempts_max = 2") == {"enrich": ["attempts_max"]}


@pytest.mark.acceptance(
    "S.06", part="3 retries a minute apart, 2 half a minute apart, one at once: the setting says them"
)
def test_the_retries_of_the_old_system_can_be_said():
    stages = stages_in_force(OLD)
    enrich, verify = stages["enrich"].retry, stages["verify"].retry
    assert [enrich.exhausted(attempt) for attempt in (1, 2, 3, 4)] == [False, False, False, True]
    assert [enrich.delay_s(attempt, chance=0) for attempt in (1, 2, 3)] == [60, 60, 60]
    assert [verify.exhausted(attempt) for attempt in (1, 2, 3)] == [False, False, True]
    assert [verify.delay_s(attempt, chance=0) for attempt in (1, 2)] == [30, 30]
    assert stages["enrich"].in_flight_max == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[stages.enirch]\nattempts_max = 2", r"\[stages.enirch\]: there is no such stage; did you mean enrich\?"),
        ("[stages.fax]\nattempts_max = 2", r"\[stages.fax\]: there is no such stage; those that can be set are enrich"),
        (
            "[stages.clear]\nattempts_max = 2",
            r"\[stages.clear\]: clear calls nobody, .*enrich, verify, dispatch, confirm",
        ),
        ("[stages.enrich]\nattempts_max = 0", r"\[stages.enrich\]: Expected `int` >= 1 - at `\$.attempts_max`"),
        ("[stages.enrich]\nattempts_max = 2.5", r"Expected `int \| null`, got `float` - at `\$.attempts_max`"),
        ("[stages.enrich]\nattempts_max = '2'", r"Expected `int \| null`, got `str` - at `\$.attempts_max`"),
        ("[stages.enrich]\nattempts_max = 1001", r"<= 1000 - at `\$.attempts_max`"),
        ("[stages.enrich]\ndelay_first_s = 0", r"\[stages.enrich\]: .*at `\$.delay_first_s`"),
        ("[stages.enrich]\ndelay_first_s = -1", r"\[stages.enrich\]: .*at `\$.delay_first_s`"),
        ("[stages.enrich]\ndelay_cap_s = nan", r"\[stages.enrich\]: .*at `\$.delay_cap_s`"),
        ("[stages.enrich]\ndelay_cap_s = inf", r"\[stages.enrich\]: .*at `\$.delay_cap_s`"),
        ("[stages.enrich]\njitter_s = -0.1", r"at `\$.jitter_s`"),
        ("[stages.enrich]\nin_flight_max = 0", r"at `\$.in_flight_max`"),
        ("[stages.enrich]\nattempt_max = 2", r"unknown field `attempt_max`; did you mean attempts_max\?"),
        ("[stages.enrich]\ncolour = 2", r"unknown field `colour`; known are attempts_max, delay_first_s"),
        (
            "[stages.enrich]\ndelay_first_s = 90",
            r"first wait of 90 s is longer than the longest, 60 s; set delay_cap_s",
        ),
        ("[stages]\nenrich = 3", r"\[stages.enrich\]: Expected `object`, got `int`"),
        ("stages = 3", r"`stages` is no table; write it as in \[stages.enrich\]"),
        ("[enrich]\nattempts_max = 2", r"'enrich' stands outside of \[stages\]; write it as in \[stages.enrich\]"),
        ("[stages.enrich", r"this is not TOML: .*; write it as in \[stages.enrich\]"),
        ("[stages.enrich]\njitter_s = 1\njitter_s = 2", r"this is not TOML: Cannot overwrite"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_start_with_its_place(tmp_path: Path, text: str, said: str):
    path = tmp_path / "stages.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=f"^DISPATCH_STAGES_FILE: .*{said}"):
        load_settings({"DISPATCH_STAGES_FILE": str(path)}, {"data": tmp_path})


def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"DISPATCH_STAGES_FILE: the file /no/such cannot be read \(No such file"):
        load_settings({"DISPATCH_STAGES_FILE": "/no/such"}, {"data": tmp_path})
