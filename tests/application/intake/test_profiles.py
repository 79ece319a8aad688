"""Profiles as data: every version stays, and one's own stand beside those that come with dispatch."""

from pathlib import Path

import pytest
from intake_files import ROOT, SAMPLES, sample_maker

from dispatch.application.intake.infer import infer
from dispatch.application.intake.judge import good_rows, judge
from dispatch.application.intake.profiles import SERVICE_JOB, SHELF, Kind, ProfileInvalid, ProfileUnknown, Shelf
from dispatch.application.intake.profiles.reading import parse_profile
from dispatch.application.intake.profiles.writing import write_profile
from dispatch.application.intake.sample import read_sample

COMPANIES = SHELF.find("company-outreach")


def test_what_is_written_is_what_was_read():
    for profile in SHELF.all():
        assert parse_profile(write_profile(profile), "x.toml") == profile


def test_every_version_stays_and_the_newest_is_meant(tmp_path: Path):
    text = write_profile(SERVICE_JOB)
    text = text.replace('name = "service-job"', 'name = "mine"', 1)
    (tmp_path / "mine.1.toml").write_text(text)
    shelf = Shelf(SHELF._folders[0], tmp_path)
    assert shelf.find("mine").version == 1
    (tmp_path / "mine.2.toml").write_text(text.replace("version = 1", "version = 2", 1))
    assert shelf.find("mine").version == 2, "the newest, as soon as it is there"
    (tmp_path / "mine.4.toml").write_text("no profile")
    assert (shelf.find("mine").version, shelf.find("mine", 1).version) == (2, 1)
    with pytest.raises(ProfileUnknown, match="version 3; known: company-outreach, mine, service-job"):
        shelf.find("mine", 3)


def test_a_version_that_was_used_is_not_changed(tmp_path: Path):
    path = tmp_path / "service-job.1.toml"
    path.write_text(write_profile(SERVICE_JOB).replace("length_max = 40", "length_max = 41", 1))
    with pytest.raises(ProfileInvalid, match="a change needs a new version"):
        Shelf(SHELF._folders[0], tmp_path)


@pytest.mark.parametrize("name", ["jobs.toml", "Jobs.1.toml", "jobs.0.toml", "other.1.toml"])
def test_a_file_name_is_name_and_version(tmp_path: Path, name: str):
    (tmp_path / name).write_text(write_profile(SERVICE_JOB))
    with pytest.raises(ProfileInvalid):
        Shelf(tmp_path)


@pytest.mark.acceptance("2.06", part="a company needs a name and a website")
def test_companies_are_judged():
    found = judge(SAMPLES / "companies.csv", COMPANIES)
    assert (found.rows, found.accepted, found.rejected) == (5, 5, 0)
    rows = list(good_rows(SAMPLES / "companies.csv", COMPANIES))
    assert [row.reference for row in rows][:3] == [
        "ashworth-joinery.example.com", "blueheron.example.org", "calderplumbing.example.net",
    ]  # fmt: skip
    assert rows[2].details["employees"] == "1250"
    assert {(row.service, row.price_pence) for row in rows} == {("outreach", 0)}


@pytest.mark.acceptance("2.06", part="without one of them the row is refused, with the column named")
@pytest.mark.parametrize(("name", "website", "column"), [("", "a.example.com", "company_name"), ("A", "", "website")])
def test_a_company_without_name_or_website_is_refused(tmp_path: Path, name: str, website: str, column: str):
    file = tmp_path / "c.csv"
    file.write_text(f"company,website,email\n{name},{website},a@example.org\nB,b.example.com,b@example.org\n")
    [error] = judge(file, COMPANIES).errors
    assert (error.row, error.column, error.code) == (1, column, "missing_value")


@pytest.mark.parametrize("rows", [40, 300])
def test_a_profile_is_inferred_from_a_sample_and_takes_it(tmp_path: Path, rows: int):
    path = tmp_path / "sample.csv"
    sample_maker().write(path, rows, 0, 0, 7)
    proposal = infer(read_sample(path), "mine")
    assert proposal.profile.natural_key == "reference"
    kinds = {guess.column.name: guess.column.kind for guess in proposal.guesses}
    assert kinds["price"] is Kind.MONEY
    assert kinds["email"] is Kind.EMAIL
    assert kinds["postcode"] is Kind.POSTCODE
    parsed = parse_profile(write_profile(proposal.profile), "mine.1.toml")
    assert parsed == proposal.profile
    assert judge(path, parsed).accepted == rows


def test_columns_that_nobody_knows_are_told_by_their_values(tmp_path: Path):
    path = tmp_path / "odd.csv"
    lines = [f"K{n};{n % 3};{100 + n}.50;Person {n};{'red' if n % 2 else 'blue'};{n}" for n in range(60)]
    path.write_text("code;rank;total;client name;colour;wheels\n" + "\n".join(lines))
    proposal = infer(read_sample(path), "odd")
    columns = {column.name: column for column in proposal.profile.columns}
    assert (columns["code"].to, columns["total"].to) == ("reference", "price_pence")
    assert columns["colour"].choices.keys() == {"red", "blue"}
    assert columns["client_name"].personal
    assert columns["wheels"].kind is Kind.WHOLE_NUMBER
    assert "Person 1" not in write_profile(proposal.profile)


def test_a_file_without_anything_that_tells_rows_apart_proposes_nothing(tmp_path: Path):
    path = tmp_path / "same.csv"
    path.write_text("a,b\n1,2\n1,2\n")
    with pytest.raises(ValueError, match="add a reference"):
        infer(read_sample(path), "same")


def test_the_shipped_profiles_are_in_the_package():
    folder = ROOT / "src/dispatch/application/intake/profiles"
    assert {path.name for path in folder.glob("*.toml")} == {
        "service-job.1.toml",
        "company-outreach.1.toml",
        "company-outreach.2.toml",
    }


GROUPED = """
name = "grouped"
version = 1
natural_key = "ref"
route = ["validate"]
at_least_one_of = [["rooms", "{other}"]]
[fixed]
service = "x"
price_pence = 0
[[columns]]
name = "ref"
kind = "text"
to = "reference"
required = true
[[columns]]
name = "rooms"
kind = "whole_number"
to = "details"
[[columns]]
name = "day"
kind = "date"
to = "details"
[[columns]]
name = "agreed"
kind = "yes_no"
to = "details"
"""


def test_a_zero_fills_one_of_several_columns(tmp_path: Path):
    profile = parse_profile(GROUPED.format(other="day"), "grouped.1.toml")
    path = tmp_path / "rooms.csv"
    path.write_text("ref,rooms,day,agreed\nA,0,,\nB,,2026-11-23,\nC,,,yes\n")
    found = judge(path, profile)
    assert (found.accepted, [(error.row, error.column) for error in found.errors]) == (2, [(3, "rooms")])


def test_a_column_whose_empty_cell_says_no_cannot_be_one_of_several():
    with pytest.raises(ProfileInvalid, match="cannot be one of several"):
        parse_profile(GROUPED.format(other="agreed"), "grouped.1.toml")
