"""The benchmarks take turns, compare medians, show what is not met, and run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.contest import Contest, Contestant, Goal, SeenGoal, Timed, compare
from benchmarks.report import report, verdicts
from benchmarks.slow_disk import shim

ROOT = Path(__file__).parents[2]


def contest(*goals: Goal | SeenGoal, turns: list[str] | None = None) -> Contest:
    """Ours does 10, 30 and 20 a second in its rounds, the peers 5 and 4, the limit 40; ours takes 7, 9 and 8 MB."""
    rates = {"ours": iter((10, 30, 20)), "slow": iter((4,) * 3), "fast": iter((5,) * 3), "limit": iter((40,) * 3)}
    sizes = iter((7.0, 9.0, 8.0))

    def contestant(name: str, role: str) -> Contestant:
        def run() -> Timed:
            if turns is not None:
                turns.append(name)
            return Timed(next(rates[name]), 1.0, {"peak_mb": next(sizes)} if name == "ours" else {})

        return Contestant(name, role, run)

    roles = (("ours", "ours"), ("slow", "peer"), ("fast", "peer"), ("limit", "limit"))
    return Contest("work", "jobs/s", "Some work.", [contestant(*role) for role in roles], goals)


def test_contestants_take_turns_and_every_measurement_is_told():
    turns, told = [], []
    compare(contest(turns=turns), 3, told.append)
    assert turns == ["ours", "slow", "fast", "limit"] * 3
    assert [(line["contestant"], line["round"]) for line in told] == [
        (name, number) for number in (1, 2, 3) for name in ("ours", "slow", "fast", "limit")
    ]


@pytest.mark.parametrize(
    ("goal", "measured", "met"),
    [
        (Goal(4, ("slow", "fast"), "us"), "4.00 x", True),  # 20 is the median of ours, and 5 the faster peer.
        (Goal(4.1, ("slow", "fast"), "us"), "4.00 x", False),
        (Goal(0.5, ("limit",), "us"), "0.50 x", True),
        (Goal(1, ("a peer that is not installed",), "us"), "not run", False),
        (Goal(4.1, ("fast",), "us", enough=20), "4.00 x, 20/s", True),
        (Goal(4.1, ("fast",), "us", enough=21), "4.00 x, 20/s", False),
        (SeenGoal("peak_mb", 8.5, "us"), "8", True),
        (SeenGoal("peak_mb", 8, "us"), "8", False),
    ],
)
def test_a_goal_is_judged_by_medians_against_the_fastest(goal: Goal | SeenGoal, measured: str, met: bool):
    asked = contest(goal)
    [verdict] = verdicts(asked, compare(asked, 3, lambda line: None))
    assert verdict[2:] == (measured, met)


def test_a_goal_that_is_not_met_is_shown_as_not_met():
    asked = contest(Goal(4.1, ("fast",), "us"), Goal(2, ("fast",), "us"))
    page = report("Work", {"cores": "2"}, 3, [(asked, compare(asked, 3, lambda line: None))], quick=False)
    assert "| ≥ 4.1 x fast | us | 4.00 x | **not met** |" in page
    assert "| ≥ 2 x fast | us | 4.00 x | met |" in page
    assert "| **ours** | ours | 20 | 10 - 30 | 4.00 | 0.50 | 8 |  |" in page
    assert "smoke run" not in page


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("goal", "roles", "goals"),
    [
        ("append", {"ours", "peer", "limit"}, 8),
        ("seal", {"ours", "limit"}, 3),
        ("limits", {"ours", "limit"}, 3),
        pytest.param("visibility", {"ours", "peer", "limit"}, 3, marks=pytest.mark.nats),
        pytest.param("webhooks", {"ours", "limit"}, 2, marks=pytest.mark.nats),
    ],
)
def test_a_benchmark_runs(tmp_path: Path, goal: str, roles: set[str], goals: int):
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", goal, "--quick", "--data", tmp_path, "--results", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert lines[0]["machine"]["fsync"] == lines[0]["machine"]["synchronous_commit"] == "on"
    measured = [line for line in lines if "rate" in line]
    assert {line["role"] for line in measured} >= roles
    assert all(line["rate"] > 0 for line in measured)
    page = (tmp_path / f"{goal}-quick.md").read_text(encoding="utf-8")
    assert "smoke run" in page
    judged = page.count("| met |") + page.count("| **not met** |")
    assert judged == len([line for line in lines if "goal" in line]) == goals
    assert str(tmp_path) not in page


def test_fewer_than_three_rounds_are_no_result():
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "append", "--rounds", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "use --quick, or --rounds 3" in ran.stderr


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_slow_disk_is_slow_for_whoever_starts_on_it(tmp_path: Path):
    fast_us = shim.slow_fdatasync_us(tmp_path)
    with shim.slow(shim.build(tmp_path), 20_000):
        slow_us = shim.slow_fdatasync_us(tmp_path)
    assert slow_us > 20_000
    assert slow_us > shim.slow_fdatasync_us(tmp_path)  # Over again.
    assert slow_us > fast_us


def test_without_a_compiler_the_slow_disk_is_skipped_and_says_why(monkeypatch, capsys, tmp_path: Path):
    monkeypatch.setattr("shutil.which", lambda name: None)
    interval = sys.getswitchinterval()
    try:
        assert main(["slow_disk", "--quick", "--results", str(tmp_path)]) == 0
    finally:
        sys.setswitchinterval(interval)
    assert json.loads(capsys.readouterr().out) == {
        "skipped": "slow_disk",
        "why": "there is no C compiler (cc, gcc or clang), and the slow disk is 20 lines of C",
    }
    assert list(tmp_path.iterdir()) == []
