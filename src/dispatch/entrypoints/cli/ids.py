"""Finding what the user means: a whole id, a unique beginning of it, or for jobs `BATCH:ROW`."""

import re

from dispatch.application.ports.queries import BatchRow, JobRow, Queries
from dispatch.domain.identity import ROWS_MAX, job_ids
from dispatch.entrypoints.cli.errors import Refused

_HEX = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
_BY_ROW = re.compile(r"([0-9a-fA-F-]+):([0-9]{1,10})", re.ASCII)
ID_DIGITS = 32


def find_batch(queries: Queries, text: str) -> BatchRow:
    """The batch that the text means.

    Raises:
        Refused: `batch_id_invalid`, `batch_unknown`, or `batch_id_ambiguous`.
    """
    digits = _digits(text, "batch", "batch list")
    found = [text] if len(digits) == ID_DIGITS else queries.batch_ids(digits)
    row = queries.batch(_one(found, text, "batch", "batch list"))
    if row is None:
        raise _unknown(text, "batch", "batch list")
    return row


def find_job(queries: Queries, text: str) -> JobRow:
    """The job that the text means; `BATCH:ROW` is the job of a data row, counted from 1.

    Raises:
        Refused: `job_id_invalid`, `job_unknown`, `job_id_ambiguous`; and those of `find_batch`.
    """
    if by_row := _BY_ROW.fullmatch(text.strip()):
        batch, number = find_batch(queries, by_row[1]), int(by_row[2])
        row = queries.job(job_ids(batch.batch_id, batch.ids_from)(number)) if number <= ROWS_MAX else None
    else:
        digits = _digits(text, "job", "job list")
        found = [text] if len(digits) == ID_DIGITS else queries.job_ids(digits)
        row = queries.job(_one(found, text, "job", "job list"))
    if row is None:
        raise _unknown(text, "job", "job list")
    return row


def job_name(batch_id: str, row: int) -> str:
    """How tables name a job: short, and accepted wherever a job is asked for."""
    return f"{batch_id}:{row}"


def _digits(text: str, kind: str, listing: str) -> str:
    digits = text.strip().lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        what = f"a {kind} id is made of the digits 0-9 and a-f"
        raise Refused(f"{kind}_id_invalid", what, text, f"take an id from `dispatch {listing}`")
    return digits


def _one(found: list[str], text: str, kind: str, listing: str) -> str:
    if not found:
        raise _unknown(text, kind, listing)
    if len(found) > 1:
        fix = "write more of it" if kind == "batch" else "write more of it, or BATCH:ROW"
        raise Refused(f"{kind}_id_ambiguous", f"more than one {kind} id begins so", text, fix)
    return found[0]


def _unknown(text: str, kind: str, listing: str) -> Refused:
    fix = f"list them with `dispatch {listing}`; what came in this second may not be listed yet"
    return Refused(f"{kind}_unknown", f"there is no such {kind}", text, fix)
