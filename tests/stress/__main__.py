"""`make stress`: both promises at full size, and the page benchmarks/results/stress.md.

make stress
make stress ARGS="--events 100000 --commands 10000 --results /tmp"
"""

import argparse
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.__main__ import RESULTS
from benchmarks.lab import Lab
from benchmarks.machine import machine_facts

from stress.following import Followed, follow_writers
from stress.replies import Replied, lose_replies

EVENTS, WRITERS, READERS = 1_000_000, 8, 4
COMMANDS, LOST, CALLERS = 100_000, 0.04, 32


def main(arguments: list[str] | None = None) -> int:
    """Run both; answers 1 when one of the promises does not hold."""
    parser = argparse.ArgumentParser(prog="make stress", description="Two promises of the ledger at full size.")
    parser.add_argument("--events", type=int, default=EVENTS, help="appended while readers follow")
    parser.add_argument("--commands", type=int, default=COMMANDS, help="asked through a proxy that loses replies")
    parser.add_argument("--data", type=Path, help="where the database goes: a folder on the disk to be used")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the page goes")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dispatch-stress-", dir=asked.data) as folder, Lab(Path(folder)) as lab:
        facts = {**machine_facts(lab.folder), **lab.settings()}
        with lab.ledger() as (_, url):
            followed = follow_writers(url, events=asked.events, writers=WRITERS, readers=READERS)
        print(asdict(followed), flush=True)  # noqa: T201 - what came of it, at once
        with lab.ledger() as (_, url):
            replied = lose_replies(url, commands=asked.commands, lost=LOST, callers=CALLERS)
        print(asdict(replied), flush=True)  # noqa: T201
    facts["load after the run"] = f"{os.getloadavg()[0]:.2f}"
    page = report(facts, followed, replied)
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / "stress.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)
    return 0 if holds(followed, replied) else 1


def holds(followed: Followed, replied: Replied) -> bool:
    """Nothing was missed, doubled or out of order, and every command had one effect."""
    unseen = followed.missed + followed.twice + followed.disordered
    return followed.same and not unseen and replied.effects == replied.commands and not replied.refused


def report(facts: dict[str, str], followed: Followed, replied: Replied) -> str:
    """The page."""
    return "\n".join(
        [
            "# Stress: no hole for those who follow, one effect for a lost reply",
            "",
            " · ".join(f"{name} {value}" for name, value in facts.items()),
            "",
            f"`make stress`: both promises {'hold' if holds(followed, replied) else '**DO NOT HOLD**'}.",
            "",
            "## Following",
            "",
            f"{followed.writers} processes append {followed.events:,} events, half of them one by one through group"
            f" commit and half in bulk, while {followed.readers} processes follow, each at a pace of its own (1 to"
            " 5,000 events a read, with random pauses). Bulk appends that are rolled back leave gaps in the positions.",
            "",
            "| events | gaps | readers | reads | seconds | missed | seen twice | out of order | all saw the same |",
            "|---:|---:|---:|---:|---:|---:|---:|---:|---|",
            f"| {followed.events:,} | {followed.gaps:,} | {followed.readers} | {followed.reads:,}"
            f" | {followed.seconds:,.0f} | {followed.missed:,} | {followed.twice:,} | {followed.disordered:,}"
            f" | {'yes' if followed.same else '**no**'} |",
            "",
            "## Lost replies",
            "",
            f"{replied.commands:,} commands of one event each from {CALLERS} callers, through a proxy that cuts off"
            f" {LOST:.0%} of the replies after Postgres has answered. Commands that wait at the same moment share a"
            " transaction, so one lost reply is that of several. Who hears nothing asks again under the same id.",
            "",
            "| commands | transactions | replies lost | their commands | effects | refused | misplaced | seconds |",
            "|---:|---:|---:|---:|---:|---:|---:|---:|",
            f"| {replied.commands:,} | {replied.requests:,} | {replied.lost:,} | {replied.unheard:,}"
            f" | {replied.effects:,} | {replied.refused:,} | {replied.misplaced:,} | {replied.seconds:,.0f} |",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
