"""docs/how_to/write_a_profile.md: its commands run, and its profile judges."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from dispatch.application.intake.judge import good_rows, judge
from dispatch.application.intake.profiles import ProfileInvalid, Shelf
from dispatch.application.intake.profiles.reading import parse_profile
from dispatch.entrypoints.cli.main import dispatch as command

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how_to" / "write_a_profile.md").read_text(encoding="utf-8")
[COMMANDS] = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
[PROFILE] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_page_propose_a_profile_that_can_be_used(here: Path):
    for line in COMMANDS.strip().splitlines():
        words = shlex.split(line)
        if words[0] == "mkdir":
            Path(words[1]).mkdir()
            continue
        ran = CliRunner().invoke(command, words[1:])
        assert ran.exit_code == 0, ran.output
    leads = Shelf(here / "profiles").find("leads")
    found = judge(here / "samples" / "companies.csv", leads)
    assert (found.rows, found.accepted) == (5, 5)
    text = (here / "profiles" / "leads.1.toml").read_text(encoding="utf-8")
    assert "Priya" not in text
    assert "900111" not in text


def test_the_profile_of_the_page_judges(tmp_path: Path):
    (tmp_path / "tyre-fitting.1.toml").write_text(PROFILE, encoding="utf-8")
    profile = Shelf(tmp_path).find("tyre-fitting")
    file = tmp_path / "bookings.csv"
    file.write_text(
        "Booking No,Price,Wheels,Customer,Phone,Email\n"
        "T-1001,£89.00,4,Ann,07700 900123,\n"
        "X-1002,89,4,Ann,07700 900123,\n"
        "T-1003,89,9,Ann,07700 900123,\n"
        "T-1004,89,2,Ann,,\n",
        encoding="utf-8",
    )
    found = judge(file, profile)
    assert [(error.row, error.column, error.code) for error in found.errors] == [
        (2, "booking", "pattern_mismatch"),
        (3, "wheels", "out_of_range"),
        (4, "phone", "missing_value"),
    ]
    [good] = good_rows(file, profile)
    assert (good.service, good.price_pence, good.details) == ("tyre_fitting", 8_900, {"wheels": "4"})


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("version = 1", "version = 0", "counts from 1"),
        ('kind = "money"', 'kind = "gold"', "at columns"),
        ('to = "price_pence"', 'to = "wallet"', "goes to 'wallet'"),
        ('to = "person.name"\nrequired = true\npersonal = true', 'to = "person.name"', "write personal = true"),
        ('natural_key = "booking"', 'natural_key = "wheels"', "must be a required column"),
        ('"T-[0-9]{4,8}"', '"(T-[0-9]+)+"', "could take for ever"),
        ('"T-[0-9]{4,8}"', '"T-["', "no regular expression"),
        ('[["phone", "email"]]', '[["phone", "fax"]]', "no column 'fax'"),
        ('service = "tyre_fitting"', "", "service is"),
        ('aliases = ["booking no", "file #"]', 'aliases = ["Price"]', "mean two things"),
        ("[fixed]", "[fixed", "not TOML"),
        ("number_max = 8", "number_most = 8", "number_most"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why(old: str, new: str, why: str):
    assert old in PROFILE
    with pytest.raises(ProfileInvalid, match=re.escape(why)) as refusal:
        parse_profile(PROFILE.replace(old, new, 1), "tyre-fitting.1.toml")
    assert str(refusal.value).startswith("tyre-fitting.1.toml")
