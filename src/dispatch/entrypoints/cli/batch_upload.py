"""`dispatch batch upload`: a file in, and with --wait its way to the end."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec
import rich_click as click
from click.exceptions import Exit

from dispatch.application.intake.forecast import Forecast
from dispatch.application.intake.profiles import profile_named
from dispatch.application.intake.receive import CHUNK_BYTES, Received
from dispatch.application.intake.source import STDIN, open_source
from dispatch.application.ports.queries import BatchRow
from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.events import BatchReceived
from dispatch.domain.batch.state import BatchStatus
from dispatch.entrypoints.cli.batch_forecast import EXIT_CODES as FORECAST_EXIT_CODES
from dispatch.entrypoints.cli.batch_forecast import render_forecast
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.follow import BatchFollower
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.outcome import EXIT_CODES, outcome_of, say_approval
from dispatch.entrypoints.cli.output import notes, out, print_json
from dispatch.entrypoints.cli.words import age

if TYPE_CHECKING:
    from dispatch.entrypoints.bootstrap import App


class Uploaded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer in JSON; `batch` and `message` once it was waited for."""

    batch_id: str
    file_hash: str
    duplicate: bool
    file_name: str
    received_at: str
    received_by: str
    message: str = ""
    batch: BatchRow | None = None


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--profile", metavar="NAME", default="service-job", show_default=True, help="What kind of file it is.")
@click.option(
    "--threshold",
    metavar="PERCENT",
    type=click.IntRange(0, 100),
    help="Error budget: more refused rows than this reject the whole file (10).",
)
@click.option("--force", is_flag=True, help="Run a file again that was received before, as a batch of its own.")
@click.option(
    "--priority",
    type=click.Choice([level.value for level in Priority]),
    default=Priority.NORMAL.value,
    show_default=True,
    help="How urgent it is among the files that wait to be taken in.",
)
@click.option("--wait/--no-wait", default=False, show_default=True, help="Follow it to its end, or to a person.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and write nothing.")
@shared_options
@click.pass_obj
def upload(
    cli: Cli,
    file: str,
    profile: str,
    threshold: int | None,
    force: bool,
    priority: str,
    wait: bool,
    dry_run: bool,
) -> None:
    """Take a file in as a batch: CSV, JSON (an object a line, or an array) or XLSX; `-` is the standard input.

    The same content is the same batch: sending it again changes nothing, and says which batch was the first.
    With --wait the exit code is 1 when the batch was rejected, and 3 when it waits for a person's approval; with
    --dry-run the same when it would be.

    \b
    Examples:
      dispatch batch upload jobs.csv
      dispatch batch upload jobs.csv --wait --threshold 5
      gunzip -c jobs.csv.gz | dispatch batch upload - --json
      dispatch batch upload jobs.xlsx
      dispatch batch upload jobs.csv --force
      dispatch batch upload jobs.csv --priority urgent
      dispatch batch upload jobs.csv --dry-run --json | jq .cost_pence
    """
    kind = profile_named(profile)
    with open_source(file) as source, cli.open_app() as app:
        budget = app.settings.error_threshold_percent if threshold is None else threshold
        receiving = app.receive.begin(kind)
        try:
            with _bar(source, hidden=cli.as_json) as advance:
                while chunk := source.read(CHUNK_BYTES):
                    receiving.write(chunk)
                    advance(len(chunk))
            if dry_run:
                _answer_forecast(cli, app.dry_run(receiving, kind, error_threshold_percent=budget, force=force))
                return
            received = app.receive.complete(
                receiving,
                kind,
                "stdin" if file == STDIN else Path(file).name,
                error_threshold_percent=budget,
                by=who(),
                force=force,
                priority=Priority(priority),
            )
        finally:
            receiving.discard()
        answer = _answer(app, received)
        if not cli.as_json:
            _say_received(answer, wait=wait)
        ended = _wait(app, cli, answer.batch_id) if wait else None
    if ended is not None:
        answer = msgspec.structs.replace(answer, batch=ended, message=outcome_of(ended).text)
        if not cli.as_json:
            _say_outcome(ended)
    if cli.as_json:
        print_json(answer)
    if ended is not None and ended.status in EXIT_CODES:
        raise Exit(EXIT_CODES[ended.status])


def _answer_forecast(cli: Cli, forecast: Forecast) -> None:
    if cli.as_json:
        print_json(forecast)
    else:
        render_forecast(forecast, out())
    if forecast.would_be in FORECAST_EXIT_CODES:
        raise Exit(FORECAST_EXIT_CODES[forecast.would_be])


def _answer(app: "App", received: Received) -> Uploaded:
    first = cast("BatchReceived", app.ledger.load(received.batch_id).events[0])
    return Uploaded(
        batch_id=received.batch_id,
        file_hash=received.file_hash,
        duplicate=received.duplicate,
        file_name=first.file_name,
        received_at=first.at.isoformat(),
        received_by=first.by,
    )


def _say_received(answer: Uploaded, *, wait: bool) -> None:
    console, batch = out(), answer.batch_id[:8]
    if answer.duplicate:
        first = f"{answer.file_name}, by {answer.received_by or 'nobody named'}, {answer.received_at}"
        console.print(f"This file is batch {batch} already ({first}). Nothing was done.", markup=False, soft_wrap=True)
        console.print("Upload it anyway, as a batch of its own: add --force", markup=False)
    else:
        console.print(f"Received {answer.file_name} as batch {batch}.", markup=False, soft_wrap=True)
    if not wait:
        console.print(f"See what becomes of it: dispatch batch show {batch}", markup=False)


def _say_outcome(row: BatchRow) -> None:
    console, outcome = out(), outcome_of(row)
    console.print(outcome.text, style=outcome.colour, markup=False, soft_wrap=True)
    if row.rejected:
        console.print(f"The refused values: dispatch batch errors {row.batch_id[:8]}", markup=False)
    if row.escalated:
        waiting = "1 job waits" if row.escalated == 1 else f"{row.escalated:,} jobs wait"
        console.print(f"{waiting} for a person: dispatch escalation list", markup=False)
    if row.status is BatchStatus.AWAITING_APPROVAL:
        say_approval(console, row)
    elif row.status is not BatchStatus.REJECTED:
        ended = f"{row.delivered:,} delivered, {row.blocked:,} blocked, {row.cancelled:,} cancelled"
        console.print(f"{row.status.value}: {ended}, after {age(row.received_at, row.closed_at)}", markup=False)


def _wait(app: "App", cli: Cli, batch_id: str) -> BatchRow | None:
    follower = BatchFollower(app.queries, batch_id, None if cli.as_json else notes())
    try:
        return follower.run()
    except KeyboardInterrupt:
        notes().print(f"The batch goes on without you: dispatch batch show {batch_id[:8]}")
        raise


@contextmanager
def _bar(source: BinaryIO, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """Progress on stderr while a file is sent, for whoever watches."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = notes()
    found = os.fstat(source.fileno())
    total = found.st_size if stat.S_ISREG(found.st_mode) else None
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task("upload", total=total)
        yield lambda count: progress.advance(task, count)
