"""The summary of a batch: what became of its rows, how fast, where the time went, and whether it adds up."""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dispatch.application.account import Account, StageTime, account
from dispatch.application.intake.messages import Message
from dispatch.application.ports.queries import BatchRow
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.outcome import outcome_of
from dispatch.entrypoints.cli.output import table
from dispatch.entrypoints.cli.words import duration

if TYPE_CHECKING:
    from dispatch.entrypoints.bootstrap import App


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the views show it, beside its account from the ledger. Times are seconds."""

    batch: BatchRow
    account: Account
    message: Message
    adds_up: bool
    upload_s: float | None
    waiting_s: float  # From the receipt until a worker took it up.
    judging_s: float
    recording_s: float
    stages_s: float  # From the first job's opening until the last one ended or came before a person.
    whole_s: float  # From the receipt until then.
    jobs_per_s: float  # Settled jobs over `stages_s`.


def summary(app: "App", batch_id: str, *, upload_s: float | None = None) -> Summary:
    """Count a batch from the ledger and put it beside its view.

    Raises:
        Refused: `batch_unknown`.
        LedgerUnavailable: Postgres cannot be reached.
    """
    row = app.queries.batch(batch_id)
    if row is None:
        raise Refused("batch_unknown", "there is no such batch", batch_id, "list them with `dispatch batch list`")
    counted = account(app.ledger, batch_id)
    judging_s, recording_s = counted.parse_duration_ms / 1000, counted.db_duration_ms / 1000
    stages_s = _between(counted.first_opened_at, counted.last_settled_at)
    return Summary(
        batch=row,
        account=counted,
        message=outcome_of(row),
        adds_up=counted.adds_up,
        upload_s=upload_s,
        waiting_s=max(0.0, _between(counted.received_at, counted.judged_at) - judging_s),
        judging_s=judging_s,
        recording_s=recording_s,
        stages_s=stages_s,
        whole_s=_between(counted.received_at, counted.last_settled_at or counted.closed_at),
        jobs_per_s=counted.settled / stages_s if stages_s else 0.0,
    )


def render_summary(made: Summary, console: Console) -> None:
    """Print the summary: rows, times, and the check that every row is accounted for."""
    counted, message = made.account, made.message
    console.print()
    console.print(Text(f"{message.text}", style=f"bold {message.colour}"), soft_wrap=True)
    rows = table("what became of the rows", "rows", "share", right=("rows", "share"))
    for name, count in _fates(counted):
        rows.add_row(name, f"{count:,}", _share(count, counted.rows))
    rows.add_section()
    rows.add_row("rows of the file", f"{counted.rows:,}", "")
    console.print(rows)
    if counted.errors_by_code:
        refused = table("refused values by code", "values", right=("values",))
        for code, count in sorted(counted.errors_by_code.items(), key=lambda item: (-item[1], item[0])):
            refused.add_row(code, f"{count:,}")
        console.print(refused)
    console.print(_times(made))
    if counted.stages:
        console.print(_stages(counted.stages))
    console.print(_check(made))


def _fates(counted: Account) -> list[tuple[str, int]]:
    always = [
        ("delivered", counted.delivered),
        ("escalated: a person must look", counted.escalated),
        ("blocked for consent", counted.blocked),
        ("rejected", counted.rejected),
        ("duplicates", counted.duplicates),
    ]
    sometimes = [
        ("cancelled", counted.cancelled),
        ("put aside", counted.archived),
        ("still open", counted.open),
        ("good, but not admitted", counted.not_admitted),
    ]
    return always + [(name, count) for name, count in sometimes if count]


def _times(made: Summary) -> Table:
    phases = [
        ("upload", made.upload_s),
        ("waiting to be taken up", made.waiting_s),
        ("judging every row", made.judging_s),
        ("recording the jobs", made.recording_s),
        ("stages, first job to last", made.stages_s),
    ]
    shown = table("where the time went", "took", right=("took",))
    for name, seconds in phases:
        if seconds is not None:
            shown.add_row(name, duration(seconds))
    shown.add_section()
    shown.add_row("from receipt to the last job", duration(made.whole_s))
    shown.add_row("jobs per second through all stages", f"{made.jobs_per_s:,.0f}")
    return shown


def _stages(stages: tuple[StageTime, ...]) -> Table:
    """Stages run at the same time, so their share is of the jobs' time, not of the clock's."""
    whole = sum(stage.job_seconds for stage in stages)
    shown = table("stage", "jobs", "mean per job", "share", right=("jobs", "mean per job", "share"))
    for stage in stages:
        mean = duration(stage.job_seconds / stage.jobs) if stage.jobs else ""
        shown.add_row(stage.stage, f"{stage.jobs:,}", mean, _share(stage.job_seconds, whole))
    return shown


def _check(made: Summary) -> Text:
    """The sum, as it comes out of the ledger."""
    counted = made.account
    parts = [counted.delivered, counted.escalated, counted.blocked, counted.cancelled, counted.rejected]
    names = ["delivered", "escalated", "blocked", "cancelled", "rejected", "duplicates"]
    parts.append(counted.duplicates)
    rarer = [("put aside", counted.archived), ("open", counted.open), ("not admitted", counted.not_admitted)]
    for name, count in rarer:
        if count:
            names.append(name)
            parts.append(count)
    terms = " + ".join(f"{count:,} {name}" for name, count in zip(names, parts, strict=True))
    if made.adds_up:
        return Text(f"Adds up, counted from the ledger: {counted.rows:,} rows = {terms}", style="green")
    text = f"DOES NOT ADD UP: {counted.rows:,} rows, but the ledger accounts for {counted.accounted_for:,} = {terms}"
    return Text(text, style="bold red")


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%" if whole else ""


def _between(start: datetime | None, end: datetime | None) -> float:
    return (end - start).total_seconds() if start and end else 0.0
