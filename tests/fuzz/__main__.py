"""`make fuzz`: mutated files through the intake, and the page benchmarks/results/fuzz.md.

make fuzz
make fuzz ARGS="--files 10000 --seed 7 --results /tmp"
make fuzz ARGS="--only 4711"     one file again, as a traceback
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.__main__ import RESULTS
from benchmarks.machine import machine_facts

from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.settings import Settings
from fuzz.judging import Answer, Judging
from fuzz.mutations import MUTATIONS
from fuzz.taking_in import Taken, take_in
from servers import application_url, fresh_database

FILES, WHOLE, SEED = 100_000, 500, 1
MEMORY = Path("/dev/shm")
FAULTS_SHOWN = 10


@dataclass
class Judged:
    """What became of the files that were received and judged."""

    files: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    mutations: Counter[str] = field(default_factory=Counter)
    faults: list[Answer] = field(default_factory=list)


def main(arguments: list[str] | None = None) -> int:
    """Run both; answers 1 when there was a fault."""
    parser = argparse.ArgumentParser(prog="make fuzz", description="Mutated files through the intake.")
    parser.add_argument("--files", type=int, default=FILES, help="received and judged")
    parser.add_argument("--whole", type=int, default=WHOLE, help="of these through the whole intake, on Postgres")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed makes other files")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--only", type=int, help="the index of one file: say what is wrong with it, and save it")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the page goes")
    asked = parser.parse_args(arguments)
    if asked.only is not None:
        return again(asked.seed, asked.only)
    judged = judge_many(asked.files, asked.seed, asked.workers)
    with tempfile.TemporaryDirectory(prefix="dispatch-fuzz-") as folder:
        facts = machine_facts(Path(folder))
        taken = take_in_some(Path(folder), asked.whole, asked.seed)
    page = report(facts, asked.seed, judged, taken)
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / "fuzz.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)
    for answer in judged.faults[:FAULTS_SHOWN]:
        sys.stdout.write(f"\nfile {answer.index}, {', '.join(answer.mutations)}:\n{answer.fault}")
    for index, fault in list(taken.faults.items())[:FAULTS_SHOWN]:
        sys.stdout.write(f"\nfile {index}, whole intake:\n{fault}")
    return 1 if judged.faults or taken.faults else 0


def judge_many(files: int, seed: int, workers: int) -> Judged:
    """Receive and judge the files 0 to `files`, in so many processes."""
    started, found = time.perf_counter(), Judged(files=files)
    steps = [range(start, min(start + 1_000, files)) for start in range(0, files, 1_000)]
    with ProcessPoolExecutor(workers) as pool:
        for number, answers in enumerate(pool.map(partial(judge_some, seed), steps), 1):
            for answer in answers:
                found.outcomes[answer.outcome] += 1
                found.mutations.update(answer.mutations)
                if answer.fault:
                    found.faults.append(answer)
            if number % 10 == 0:
                print(f"{number * 1_000:,} files, {len(found.faults)} faults", file=sys.stderr, flush=True)  # noqa: T201
    found.seconds = time.perf_counter() - started
    return found


def judge_some(seed: int, indexes: range) -> list[Answer]:
    """Receive and judge some files, in memory where the system has such a folder."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        judging = Judging(Path(folder), seed)
        return [judging(index) for index in indexes]


def take_in_some(folder: Path, files: int, seed: int) -> Taken:
    """The first files through the whole intake, into a ledger on Postgres."""
    with EmbeddedPostgres(folder / "postgres") as server, fresh_database(server.url) as url:
        settings = Settings(data=folder / "data", database_url=application_url(url), database_owner_url=url)
        app = open_app(settings)
        try:
            app.migrate()
            return take_in(app, Judging(folder / "unused", seed), range(files))
        finally:
            app.close()


def again(seed: int, index: int) -> int:
    """One file again: what came of it, and the file itself for looking at."""
    [answer] = judge_some(seed, range(index, index + 1))
    with tempfile.TemporaryDirectory() as folder:
        content, _, _ = Judging(Path(folder), seed).file(index)
    kept = Path(tempfile.gettempdir()) / f"fuzz-{seed}-{index}.csv"
    kept.write_bytes(content)
    sys.stdout.write(f"file {index}, {', '.join(answer.mutations)}, in {kept}: {answer.outcome}\n{answer.fault}")
    return 1 if answer.fault else 0


def report(facts: dict[str, str], seed: int, judged: Judged, taken: Taken) -> str:
    """The page."""
    faults = len(judged.faults) + len(taken.faults)
    return "\n".join(
        [
            "# Fuzzing: no file brings the intake down",
            "",
            " · ".join(f"{name} {value}" for name, value in facts.items()),
            "",
            f"`make fuzz` (seed {seed}): **{faults} faults**." if faults else f"`make fuzz` (seed {seed}): no fault.",
            "",
            "A fault is: another error than a refusal with one of the documented codes, an answer that takes more than"
            " five seconds, an answer that depends on how the upload was cut into pieces, a file, an event or a job"
            " that a refused file leaves behind, counts that do not add up, or a word of a person in what is said.",
            "",
            "## Received and judged",
            "",
            f"{judged.files:,} valid files in four delimiters, each changed by one to four of"
            f" {len(set(MUTATIONS))} mutations, in {judged.seconds:,.0f} s ({judged.files / judged.seconds:,.0f} a"
            " second).",
            "",
            "| came of it | files |",
            "|---|---:|",
            *_rows(judged.outcomes),
            "",
            "| mutation | files |",
            "|---|---:|",
            *_rows(judged.mutations),
            "",
            "## The whole intake, on Postgres",
            "",
            f"The first {sum(taken.outcomes.values()):,} of them with error budgets of 0, 10, 50 and 100 %, admitted"
            f" twice and looked at in the ledger and in the views: {taken.jobs:,} jobs.",
            "",
            "| came of it | files |",
            "|---|---:|",
            *_rows(taken.outcomes),
            "",
        ]
    )


def _rows(counts: Counter[str]) -> Iterator[str]:
    return (f"| {name.replace('_', ' ')} | {count:,} |" for name, count in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())
