"""One mutated file through receiving and judging: what may come of it, and what is a fault."""

import hashlib
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from dispatch.adapters.codec import encode
from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.intake.inspect import FileInspector
from dispatch.application.intake.judge import ERRORS_PER_CODE_MAX, Judgement, good_rows, judge
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.receive import Received, ReceiveFile
from dispatch.application.intake.refused import FileRefused
from dispatch.application.ports.clock import utc_now
from dispatch.domain.batch.events import RowsRefused
from dispatch.domain.rows import RowCode
from fuzz.mutations import mutate
from fuzz.seeds import CANARIES, seeds

CODES = frozenset(
    {
        *("file_empty", "no_rows", "file_too_large", "encoding_not_utf8", "nul_byte", "line_too_long"),
        *("header_missing", "delimiter_unknown", "columns_missing", "columns_duplicated"),
        *("quote_unclosed", "quote_misplaced", "field_too_long", "csv_malformed"),
        *("json_malformed", "json_too_large", "workbook_unreadable", "workbook_too_large"),
    }
)
"""With which a file may be refused: docs/reference and `GET /problems/<code>` explain them."""
LIMIT_S = 5.0
"""A file of a few hundred kilobytes that takes longer hangs."""
PERSONAL = ("zenobia", "quillfeather", "7700900461", "canary.example")
"""Canaries that a row's `found` may not show either: names and numbers that stand in columns of persons."""


class Fault(AssertionError):
    """The intake did something that it never may."""


class Hung(Fault):
    """A file was not answered in time."""


@dataclass
class Answer:
    """What came of a file: `judged`, or the code of the refusal; and the fault, if there was one."""

    index: int
    mutations: tuple[str, ...]
    outcome: str
    fault: str = ""


class Judging:
    """Receives and judges files in a folder, which should be in memory; leaves nothing there."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._store, self._uploads, self._seed = FolderFileStore(folder), folder / "uploads", seed

    def file(self, index: int) -> tuple[bytes, tuple[str, ...], Random]:
        """The index-th file of this seed, always the same; with the generator, for what follows."""
        chance = Random(f"{self._seed}:{index}")
        seed = chance.choice(seeds()).replace(b"FZ-", b"F%d-" % index)  # References of its own.
        return *mutate(seed, chance), chance

    def __call__(self, index: int) -> Answer:
        content, mutations, chance = self.file(index)
        try:
            with time_limit(LIMIT_S):
                return Answer(index, mutations, self._check(content, chance))
        except Exception:
            return Answer(index, mutations, "fault", traceback.format_exc())

    def _check(self, content: bytes, chance: Random) -> str:
        ledger = MemoryLedger()
        receive = ReceiveFile(ledger, self._store, utc_now)
        outcome, received = _refused_or(lambda: receive(_pieces(content, chance), SERVICE_JOB, "fuzz.csv"))
        whole, _ = _refused_or(lambda: _inspect(content))
        if received is None:
            _same(outcome, whole, content)
            if ledger.head():
                raise Fault(f"refused as {outcome} and recorded nevertheless")
        else:
            if ledger.head() != 1:
                raise Fault(f"{ledger.head()} events of one file that was received")
            outcome = self._judge(received)
        if any(self._uploads.iterdir()) or self._store.has(hashlib.sha256(content).hexdigest()):
            raise Fault("the file is still there")
        return outcome

    def _judge(self, received: Received) -> str:
        path = self._store.path(received.file_hash)
        try:
            outcome, judgement = _refused_or(lambda: judge(path, SERVICE_JOB))
            if judgement is not None:
                check_judgement(judgement)
                rows = [row.row for row in good_rows(path, SERVICE_JOB)]
                if len(rows) != judgement.accepted or rows != sorted(set(rows)):
                    raise Fault(f"{judgement.accepted} rows were accepted, and {len(rows)} are good")
            return outcome
        finally:
            self._store.remove(received.file_hash)


def check_judgement(found: Judgement) -> None:
    """Every row is in one class, each error can be stored, and none shows a person."""
    if found.rows != found.accepted + found.rejected + found.duplicates or found.rows < 1:
        raise Fault(f"the rows do not add up: {found}")
    if not found.errors_by_code.keys() <= set(RowCode):
        raise Fault(f"codes that nobody knows: {found.errors_by_code}")
    for code, count in found.errors_by_code.items():
        stored = sum(error.code == code for error in found.errors)
        if stored != min(count, ERRORS_PER_CODE_MAX):
            raise Fault(f"{count} refusals with {code}, {stored} stored")
    if found.rejected > sum(found.errors_by_code.values()) or (found.rejected == 0) != (not found.errors):
        raise Fault(f"{found.rejected} rows were rejected for {found.errors_by_code}")
    encode(RowsRefused(batch_id="b", at=utc_now(), errors=found.errors))
    for error in found.errors:
        if "\0" in error.found:
            raise Fault("a text that Postgres does not store")
        if error.column in {"customer_name", "phone", "email", "address", "postcode", "notes"}:
            _show_nobody(error.found, f"found in {error.column}", PERSONAL)


def _refused_or(call):
    """`judged` and the answer, or the code of the refusal and None; whatever else is raised is a fault."""
    try:
        return "judged", call()
    except FileRefused as refused:
        if refused.code not in CODES:
            raise Fault(f"a code that is not documented: {refused.code}") from refused
        if not (refused.what and refused.where and refused.fix):
            raise Fault(f"a refusal that does not say all: {refused.args}") from refused
        _show_nobody(str(refused), f"refusal {refused.code}", CANARIES)
        return refused.code, None


def _show_nobody(text: str, where: str, canaries: tuple[str, ...]) -> None:
    plain = text.lower().replace(" ", "")
    if shown := [canary for canary in canaries if canary.replace(" ", "") in plain]:
        raise Fault(f"{where} shows {shown}: {text}")


def _same(outcome: str, whole: str, content: bytes) -> None:
    """In pieces and whole a file gets the same answer; only a quote may be found later (`FileInspector.finish`)."""
    if outcome != whole and not (whole == "judged" and b'"' in content):
        raise Fault(f"cut into pieces {outcome}, as a whole {whole}")


def _inspect(content: bytes) -> None:
    inspector = FileInspector(SERVICE_JOB)
    inspector.feed(content)
    inspector.finish()


def _pieces(content: bytes, chance: Random) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        size = chance.choice((1, 2, 7, 100, 5_000, 1 << 20))
        yield content[at : at + size]
        at += size


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises Hung in the main thread when the time is over."""

    def ring(*_: object) -> None:
        raise Hung(f"no answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
