"""`dispatch batch errors`: the refused values of a batch, as a table, JSON, or the CSV report."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import rich_click as click

from dispatch.application.row_errors import REPORT_COLUMNS, all_row_errors, report_row
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.ids import find_batch
from dispatch.entrypoints.cli.options import limit_option, shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json, print_lines, refusals_table
from dispatch.entrypoints.cli.private_file import private_file

if TYPE_CHECKING:
    from dispatch.entrypoints.bootstrap import App

WARNING = "The file holds personal data: keep it to yourself, and delete it when the corrections are in."


@click.command()
@click.argument("batch", metavar="BATCH")
@click.option(
    "--csv", "csv_file", metavar="FILE", help="Write all of them as a CSV report; `-` is the standard output."
)
@click.option(
    "--corrections",
    metavar="FILE",
    help="Write the refused rows themselves, to be corrected; `-` is the standard output. It holds personal data.",
)
@limit_option(50)
@shared_options
@click.pass_obj
def errors(cli: Cli, batch: str, csv_file: str | None, corrections: str | None, limit: int) -> None:
    """The refused values of a batch: where each stands, what was found and expected, and how to mend it.

    Of personal values only the shape is shown. The report's columns are
    row_number, field, error_type, error_message, raw_value.

    --corrections writes every refused row as it was sent, and beside it what is wrong. Correct it in a spreadsheet
    and send it back with `dispatch batch correct`. Only you can read the file that is made (mode 0600).

    \b
    Examples:
      dispatch batch errors 3f2b8c1e
      dispatch batch errors 3f2b8c1e --csv errors.csv
      dispatch batch errors 3f2b8c1e --csv - | head
      dispatch batch errors 3f2b8c1e --corrections mend.csv
    """
    if csv_file is not None and corrections is not None:
        raise click.UsageError("give either --csv or --corrections")
    with cli.open_app() as app:
        row = find_batch(app.queries, batch)
        if corrections is not None:
            _write_corrections(app, cli, row.batch_id, corrections)
            return
        found = all_row_errors(app.queries, row.batch_id)
        if csv_file is not None:
            with _target(csv_file) as target:
                writer = csv.writer(target, quoting=csv.QUOTE_ALL)
                writer.writerow(REPORT_COLUMNS)
                count = 0
                for count, error in enumerate(found, 1):  # noqa: B007 - told afterwards
                    writer.writerow(report_row(error))
            if csv_file != "-":
                _say_written(cli, csv_file, count)
            return
        shown = list(islice(found, limit))
    if cli.as_json:
        print_lines(shown)
        return
    if not shown:
        notes().print("No value of this batch was refused.")
        return
    out().print(refusals_table(shown))
    stored = sum(row.errors_by_code.values())
    if stored > len(shown):
        notes().print(f"The first {len(shown):,} of {stored:,}; the report: --csv FILE", markup=False)


def _write_corrections(app: "App", cli: Cli, batch_id: str, path: str) -> None:
    pieces, rows = app.write_correction_file(batch_id), 0
    with private_file(path) as target:
        for piece in pieces:
            target.write(piece.content)
            rows += piece.rows
    if path == "-":
        notes().print(WARNING)
    elif cli.as_json:
        print_json({"file": path, "rows": rows})
    else:
        written = f"Wrote {rows:,} refused {'row' if rows == 1 else 'rows'} to {path}."
        notes().print(written, WARNING, markup=False, soft_wrap=True)
        how = f"When they are right: dispatch batch correct {batch_id[:8]} {path} --wait"
        notes().print(how, markup=False, soft_wrap=True)


@contextmanager
def _target(path: str) -> Iterator[TextIO]:
    if path == "-":
        yield sys.stdout
        return
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        yield file


def _say_written(cli: Cli, path: str, count: int) -> None:
    if cli.as_json:
        print_json({"file": path, "errors": count})
    else:
        notes().print(f"Wrote {count:,} refused values to {path}", markup=False, soft_wrap=True)
