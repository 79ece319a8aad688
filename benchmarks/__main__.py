"""python -m benchmarks GOAL [--quick] [--rounds N] [--only WORDS] [--data FOLDER] [--results FOLDER]"""

import argparse
import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.contest import compare
from benchmarks.lab import Lab, LabMissing
from benchmarks.machine import machine_facts, versions
from benchmarks.report import report, verdicts
from dispatch.entrypoints.interpreter import tune_interpreter

GOALS = ("append", "intake", "limits", "pipeline", "seal", "slow_disk", "visibility", "webhooks")
RESULTS = Path(__file__).with_name("results")
ROUNDS_MIN = 3


def main(arguments: list[str] | None = None) -> int:
    """Run one goal; answers 0 when it ran, whether its goals were met or not (the table says which)."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Side by side with peers and limits.")
    parser.add_argument("goal", choices=GOALS)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: does it run?")
    parser.add_argument("--rounds", type=int, help=f"at least {ROUNDS_MIN} (1 with --quick)")
    parser.add_argument("--only", default="", metavar="WORDS", help="the contests with these words in their names")
    parser.add_argument("--data", type=Path, help="where the databases go: a folder on the disk to be measured")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the table goes")
    asked = parser.parse_args(arguments)
    rounds = asked.rounds or (1 if asked.quick else ROUNDS_MIN)
    if rounds < ROUNDS_MIN and not asked.quick:
        parser.error(f"fewer than {ROUNDS_MIN} rounds are no result: use --quick, or --rounds {ROUNDS_MIN}")
    tune_interpreter()  # As in every process of dispatch; the peers get it too.
    goal = import_module(f"benchmarks.{asked.goal}")
    open_lab = getattr(goal, "LAB", Lab)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="dispatch-bench-", dir=asked.data) as folder,
            open_lab(Path(folder)) as lab,
        ):
            facts = {**machine_facts(lab.folder), **lab.settings(), "packages": versions(*goal.PACKAGES)}
            _tell({"machine": facts})
            wanted = [contest for contest in goal.contests(lab, quick=asked.quick) if asked.only in contest.name]
            outcomes = [(contest, compare(contest, rounds, _tell)) for contest in wanted]
    except LabMissing as missing:
        _tell({"skipped": asked.goal, "why": str(missing)})
        return 0
    if not outcomes:
        parser.error(f"no contest of {asked.goal} has {asked.only!r} in its name")
    facts["load after the run"] = f"{os.getloadavg()[0]:.2f}"
    page = report(goal.TITLE, facts, rounds, outcomes, quick=asked.quick)
    asked.results.mkdir(parents=True, exist_ok=True)
    partial = "-quick" if asked.quick else "-part" if asked.only else ""
    path = asked.results / f"{asked.goal}{partial}.md"
    path.write_text(page, encoding="utf-8")
    for contest, standings in outcomes:
        for asked_for, source, measured, met in verdicts(contest, standings):
            goal_facts = {"goal": asked_for, "from": source, "measured": measured, "met": met}
            _tell({"contest": contest.name, **goal_facts})
    sys.stdout.write(f"\n{page}")
    return 0


def _tell(line: dict[str, object]) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
