"""`dispatch reconcile`: compare what should be with what is, explain each difference, mend what is safe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dispatch.application.reconcile.look import Progress as Looked
from dispatch.application.reconcile.scope import Scope
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import as_time, shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json, table
from dispatch.entrypoints.cli.words import duration

if TYPE_CHECKING:
    from dispatch.application.reconcile.report import Report

COULD_NOT_LOOK = 2
SHOWN_MAX = 50


@click.command()
@click.option("--batch", metavar="BATCH", help="Only this batch: its id, or the beginning of it.")
@click.option("--since", metavar="TIME", callback=as_time, help="Only batches with an event since then (ISO 8601).")
@click.option("--ask-providers", is_flag=True, help="Also ask each notifier what became of what it sent.")
@click.option(
    "--ask-rate",
    metavar="N",
    type=click.FloatRange(0.1, 1_000),
    default=20,
    show_default=True,
    help="Questions a second.",
)
@click.option(
    "--ask-max", metavar="N", type=click.IntRange(1), default=1_000, show_default=True, help="Questions at most."
)
@click.option("--repair", is_flag=True, help="Mend what is safe to mend; recorded in the ledger under your name.")
@shared_options
@click.pass_obj
def reconcile(
    cli: Cli,
    batch: str | None,
    since: datetime | None,
    ask_providers: bool,
    ask_rate: float,
    ask_max: int,
    repair: bool,
) -> None:
    """Compare the rows of files, the jobs, their events, what was sent, the views and the work stream.

    It looks at read-only snapshots and holds nobody up. Each difference says where it is, what was found and expected,
    and what to do. With --repair forgotten jobs are published again, views that differ are rebuilt, stale batches given
    to another worker, and finished batches closed; nothing is ever sent, and the ledger keeps who did it and why.

    Exit codes: 0 no difference, 1 differences (also when they were mended: look again), 2 it could not look.

    \b
    Examples:
      dispatch reconcile
      dispatch reconcile --batch 3f2b8c1e --ask-providers
      dispatch reconcile --repair
      dispatch reconcile --since 2026-11-27 --json | jq .counts
    """
    if batch and since:
        raise click.UsageError("Give --batch or --since, not both.")
    report = _report(cli, batch, since, (ask_rate, ask_max) if ask_providers else None, repair=repair)
    if cli.as_json:
        print_json(report)
    else:
        _show(report)
    if report.counts:
        raise Exit(1)


def _report(
    cli: Cli, batch: str | None, since: datetime | None, asking: tuple[float, int] | None, *, repair: bool
) -> "Report":
    from dispatch.entrypoints.cli.errors import Refused, say
    from dispatch.entrypoints.reconciling import new_run_id, open_receipts, open_reconcile

    try:
        with cli.open_app() as app, _bar(hidden=cli.as_json) as on_progress:
            scope = Scope(batch_id=find_batch(app.queries, batch).batch_id if batch else "", since=since)
            run, ask = open_reconcile(app), open_receipts(app.settings, asking[0]) if asking else None
            most = asking[1] if asking else 0
            return run(new_run_id(), scope, who(), repair=repair, ask=ask, receipts_max=most, on_progress=on_progress)
    except Refused:  # What was asked for makes no sense: that is not about the system.
        raise
    except Exception as error:
        if not say(error, cli):
            raise  # A bug, to be seen.
        raise Exit(COULD_NOT_LOOK) from error


@contextmanager
def _bar(*, hidden: bool) -> Iterator[Callable[[Looked], None]]:
    console = notes()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task("batches", total=None)

        def on_progress(looked: Looked) -> None:
            said = f"batches, {looked.jobs:,} jobs"
            progress.update(task, completed=looked.batches, total=looked.batches_total, description=said)

        yield on_progress


def _show(report: "Report") -> None:
    console = out()
    looked = f"{report.batches:,} batches, {report.jobs:,} jobs"
    if report.receipts:
        looked += f", {report.receipts:,} receipts"
    took = f"in {duration(report.duration_ms / 1000)}"
    if not report.counts:
        console.print(f"No difference: {looked} {took}.", style="green")
    else:
        found = table("severity", "code", "where", "what", "found", "expected")
        for each in report.findings[:SHOWN_MAX]:
            where = each.job_id or each.batch_id[:8]
            where += f" row {each.row:,}" if each.row else ""
            style = "bold red" if each.severity.value == "error" else "yellow"
            texts = map(escape, (each.what, each.found, each.expected))
            found.add_row(each.severity.value, each.code.value, where, *texts, style=style)
        console.print(found)
        total = table("code", "differences", "what to do", right=("differences",))
        fixes = {each.code.value: each.fix for each in report.findings}
        for code, count in report.counts.items():
            total.add_row(code, f"{count:,}", escape(fixes.get(code, "")))
        console.print(total)
        console.print(f"{report.differences:,} differences, {report.errors:,} of them errors: {looked} {took}.")
    if len(report.findings) > SHOWN_MAX:
        notes().print(f"The first {SHOWN_MAX} of {report.differences:,}; more of them: --json")
    for repair in report.repairs:
        what = repair.kind.value.replace("_", " ")
        console.print(
            f"mended: {what}, {repair.target or 'no batch'}, {repair.count:,} ({repair.because})", markup=False
        )
    if report.repaired and not report.repairs:
        console.print("Nothing to mend.")
