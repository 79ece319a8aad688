"""The Markdown table of a run: rates, ratios to the fastest peer and to the limit, and goals met or not."""

from collections.abc import Iterator, Sequence

from benchmarks.contest import Contest, Goal, SeenGoal, Standing

Outcome = tuple[Contest, Sequence[Standing]]


def report(title: str, facts: dict[str, str], rounds: int, outcomes: Sequence[Outcome], *, quick: bool) -> str:
    """The whole page."""
    lines = [f"# {title}", ""]
    if quick:
        lines += ["**A smoke run with small sizes: it shows that the benchmark works, its ratios mean little.**", ""]
    lines += [
        " · ".join(f"{name} {value}" for name, value in facts.items()),
        "",
        f"Medians of {rounds} interleaved round(s); lowest and highest beside them.",
        "",
    ]
    for contest, standings in outcomes:
        lines += [f"## {contest.name}", "", contest.about, "", *_table(contest, standings), ""]
    return "\n".join(lines)


def verdicts(contest: Contest, standings: Sequence[Standing]) -> Iterator[tuple[str, str, str, bool]]:
    """For each goal: what is wanted, where it comes from, what was measured, and whether that is enough."""
    rates = {standing.contestant.name: standing.rate for standing in standings}
    ours = next(standing for standing in standings if standing.contestant.role == "ours")
    for goal in contest.goals:
        match goal:
            case Goal():
                rivals = [name for name in goal.against if name in rates]
                if not rivals:
                    yield f"≥ {goal.ratio:g} x {' or '.join(goal.against)}", goal.source, "not run", False
                    continue
                fastest = max(rivals, key=rates.__getitem__)
                ratio = ours.rate / rates[fastest]
                wanted, measured = f"≥ {goal.ratio:g} x {fastest}", f"{ratio:.2f} x"
                if goal.enough < float("inf"):
                    wanted, measured = f"{wanted}, or {goal.enough:,.0f}/s", f"{measured}, {ours.rate:,.0f}/s"
                yield wanted, goal.source, measured, ratio >= goal.ratio or ours.rate >= goal.enough
            case SeenGoal():
                found = ours.seen[goal.name]
                yield f"{goal.name} < {goal.most:g}", goal.source, f"{found:.4g}", found < goal.most


def _table(contest: Contest, standings: Sequence[Standing]) -> Iterator[str]:
    peer = _fastest(standings, "peer")
    limit = _fastest(standings, "limit")
    seen = list(dict.fromkeys(name for standing in standings for name in standing.seen))
    yield "| | " + " | ".join(["", contest.unit, "lowest - highest", "x fastest peer", "x limit", *seen, "note"]) + " |"
    yield "|---|---|" + "---:|" * (4 + len(seen)) + "---|"
    for standing in standings:
        who = standing.contestant
        cells = [
            f"**{who.name}**" if who.role == "ours" else who.name,
            who.role,
            f"{standing.rate:,.0f}",
            f"{min(standing.rates):,.0f} - {max(standing.rates):,.0f}",
            f"{standing.rate / peer:.2f}" if peer else "",
            f"{standing.rate / limit:.2f}" if limit else "",
            *(f"{standing.seen[name]:.4g}" if name in standing.seen else "" for name in seen),
            who.note,
        ]
        yield f"| {' | '.join(cells)} |"
    if contest.goals:
        yield ""
        yield "| goal | from | measured | |"
        yield "|---|---|---:|---|"
        for wanted, source, measured, met in verdicts(contest, standings):
            yield f"| {wanted} | {source} | {measured} | {'met' if met else '**not met**'} |"


def _fastest(standings: Sequence[Standing], role: str) -> float:
    return max((standing.rate for standing in standings if standing.contestant.role == role), default=0.0)
