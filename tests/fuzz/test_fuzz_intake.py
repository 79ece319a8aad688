"""A quick version of `make fuzz`: the same files, fewer of them."""

from collections import Counter
from pathlib import Path

import pytest

from dispatch.application.intake.refused import FileRefused
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.http.problem_kinds import KINDS
from dispatch.entrypoints.settings import Settings
from fuzz import judging
from fuzz.__main__ import Judged, judge_some, report
from fuzz.judging import CODES, Judging
from fuzz.mutations import MUTATIONS
from fuzz.seeds import seeds
from fuzz.taking_in import Taken, take_in
from servers import application_url

SEED, FILES, WHOLE = 2026, 2_000, 60


@pytest.mark.acceptance("1.12", part="fuzzing: 2,000 mutated files are judged, or refused with a documented code")
def test_no_mutated_file_brings_the_intake_down():
    answers = judge_some(SEED, range(FILES))
    faults = [(answer.index, answer.mutations, answer.fault) for answer in answers if answer.fault]
    assert faults == []
    outcomes = Counter(answer.outcome for answer in answers)
    assert outcomes["judged"] > FILES / 5
    assert len(outcomes) > 8  # Mutations reach most ways of being refused.
    assert {name for answer in answers for name in answer.mutations} == {each.__name__ for each in MUTATIONS}


@pytest.mark.postgres
@pytest.mark.acceptance("1.13", part="fuzzing: no half-written batch in the ledger or the views")
def test_the_whole_intake(database_url: str, tmp_path: Path):
    app = open_app(Settings(data=tmp_path, database_url=application_url(database_url), database_owner_url=database_url))
    try:
        app.migrate()
        taken = take_in(app, Judging(tmp_path / "files", SEED), range(WHOLE))
    finally:
        app.close()
    assert taken.faults == {}
    assert taken.jobs > 20
    assert taken.outcomes["batch: processing"] > 5
    assert taken.outcomes["batch: rejected"] > 1


def test_the_seeds_are_valid_files(tmp_path: Path):
    judged = Judging(tmp_path, SEED)
    for content in seeds():
        assert judged._check(content, judged.file(0)[2]) == "judged"


def test_every_code_of_a_refusal_is_a_documented_problem():
    assert KINDS.keys() >= CODES


@pytest.mark.parametrize(
    ("raised", "fault"),
    [
        (RuntimeError("broken"), "RuntimeError: broken"),
        (FileRefused("new_code", "a", "b", "c"), "a code that is not documented: new_code"),
        (FileRefused("no_rows", "Zenobia is there", "b", "c"), "refusal no_rows shows ['zenobia']"),
    ],
    ids=["crash", "unknown code", "canary"],
)
def test_faults_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, fault: str):
    """The harness itself: what it is to find, it finds."""

    def judge(*_: object) -> None:
        raise raised

    monkeypatch.setattr(judging, "judge", judge)
    judge_files = Judging(tmp_path, SEED)
    found = [answer.fault for answer in map(judge_files, range(10)) if answer.fault]
    assert found
    assert all(fault in each for each in found)


def test_a_file_that_hangs_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def judge(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(judging, "judge", judge)
    monkeypatch.setattr(judging, "LIMIT_S", 0.05)
    judge_files = Judging(tmp_path, SEED)
    assert any("Hung: no answer within 0.05 s" in judge_files(index).fault for index in range(5))


def test_the_page():
    judged = Judged(files=2, seconds=1.0, outcomes=Counter(judged=2), mutations=Counter(double=2))
    page = report({"cores": "2"}, 1, judged, Taken(outcomes=Counter({"batch: processing": 1}), jobs=3))
    assert "no fault" in page
    assert "| judged | 2 |" in page
    assert "3 jobs" in page
    assert "**1 faults**" in report({}, 1, judged, Taken(faults={7: "it broke"}))
