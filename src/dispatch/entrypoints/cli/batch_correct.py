"""`dispatch batch correct`: refused rows come back, corrected."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click
from click.exceptions import Exit

from dispatch.application.batches import batch_events
from dispatch.application.intake.correct import Corrected
from dispatch.application.intake.receive import CHUNK_BYTES
from dispatch.application.intake.source import STDIN, open_source
from dispatch.application.ports.queries import BatchRow
from dispatch.domain.batch.events import CorrectionJudged
from dispatch.domain.batch.state import BatchStatus
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.follow import BatchFollower, at_rest
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.outcome import outcome_of
from dispatch.entrypoints.cli.output import notes, out, print_json

if TYPE_CHECKING:
    from dispatch.entrypoints.bootstrap import App


class Answer(Corrected, frozen=True, kw_only=True, omit_defaults=True):
    """The answer in JSON; the rest once it was waited for. `judged`: of an admitted batch, the rows of the file."""

    message: str = ""
    judged: CorrectionJudged | None = None
    batch: BatchRow | None = None


@click.command()
@click.argument("batch", metavar="BATCH")
@click.argument("file", metavar="FILE")
@click.option("--wait/--no-wait", default=False, show_default=True, help="Follow the batch to its end, or to a person.")
@shared_options
@click.pass_obj
def correct(cli: Cli, batch: str, file: str, wait: bool) -> None:
    """Send refused rows again, corrected: FILE is that of `dispatch batch errors BATCH --corrections FILE`.

    Its columns may stand in any order; of the helper columns only the row number counts. Rows of a batch that is
    admitted become jobs by themselves; a batch of which nothing is admitted is judged again as a whole. The same file
    again changes nothing. FILE may be `-` for the standard input. With --wait the exit code is 1 when the batch was
    rejected.

    \b
    Examples:
      dispatch batch errors 3f2b8c1e --corrections mend.csv
      dispatch batch correct 3f2b8c1e mend.csv --wait
    """
    with open_source(file) as source, cli.open_app() as app:
        batch_id = find_batch(app.queries, batch).batch_id
        receiving = app.correct.begin(batch_id)
        try:
            while chunk := source.read(CHUNK_BYTES):
                receiving.write(chunk)
            name = "stdin" if file == STDIN else Path(file).name
            corrected = app.correct.complete(receiving, batch_id, name, by=who())
        finally:
            receiving.discard()
        answer = Answer(**msgspec.structs.asdict(corrected))
        if not cli.as_json:
            _say_received(answer)
        if wait:
            answer = _wait(app, cli, answer)
    if cli.as_json:
        print_json(answer)
    elif answer.batch is not None:
        _say_outcome(answer, answer.batch)
    if answer.batch is not None and answer.batch.status is BatchStatus.REJECTED:
        raise Exit(1)


def _wait(app: "App", cli: Cli, answer: Answer) -> Answer:
    def rests(row: BatchRow) -> bool:
        is_judged = row.corrections_judged >= answer.correction
        return is_judged and (at_rest(row) or row.status is BatchStatus.AWAITING_APPROVAL)

    row = BatchFollower(app.queries, answer.batch_id, None if cli.as_json else notes(), rests=rests).run()
    judged = [event for event in batch_events(app.ledger, answer.batch_id) if isinstance(event, CorrectionJudged)]
    return msgspec.structs.replace(
        answer,
        batch=row,
        message=outcome_of(row).text if row else "",
        judged=next((event for event in judged if event.correction == answer.correction), None),
    )


def _say_received(answer: Answer) -> None:
    batch = answer.batch_id[:8]
    if answer.duplicate:
        out().print(f"These are corrections {answer.correction} of batch {batch} already. Nothing was done.")
        return
    follows = "the whole batch is judged again" if answer.rejudges else "they become jobs as they are judged"
    out().print(f"Received {answer.rows:,} corrected rows of batch {batch}: {follows}.", markup=False, soft_wrap=True)


def _say_outcome(answer: Answer, row: BatchRow) -> None:
    outcome, judged = outcome_of(row), answer.judged
    if judged is not None:
        counts = f"{judged.accepted:,} mended, {judged.rejected:,} refused again, {judged.duplicates:,} duplicates"
        out().print(f"{counts}, {judged.ignored:,} ignored: not refused, or mended before.", soft_wrap=True)
    out().print(outcome.text, style=outcome.colour, markup=False, soft_wrap=True)
    if row.rejected:
        what = "1 row is refused still" if row.rejected == 1 else f"{row.rejected:,} rows are refused still"
        out().print(f"{what}: dispatch batch errors {row.batch_id[:8]} --corrections FILE", markup=False)
