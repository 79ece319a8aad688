"""Following a batch: what there is to show, read from the views until the batch is done or needs a person."""

import time
from collections.abc import Callable

from rich.console import Console

from dispatch.application.ports.queries import BatchRow, Queries
from dispatch.domain.batch.state import ENDED, BatchStatus
from dispatch.entrypoints.cli.bars import bars_of
from dispatch.entrypoints.cli.displays import Display, LinesDisplay, LiveDisplay, NoDisplay
from dispatch.entrypoints.cli.stop_request import StopRequest

POLL_S = 0.2
STANDSTILL_S = 10.0
STANDSTILL = "Nothing has taken the file up for 10 s: does `dispatch up` run on this data folder? (`dispatch doctor`)"
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE, BatchStatus.AWAITING_APPROVAL}


def at_rest(row: BatchRow) -> bool:
    """Is the batch at its end, or before people?"""
    return row.status in RESTING


class BatchFollower:
    """Follows one batch on a console: live bars on a terminal, else a line per change, one a second at most.

    Without a console it only waits. A set `stop` ends it early.
    """

    def __init__(
        self,
        queries: Queries,
        batch_id: str,
        console: Console | None = None,
        *,
        rests: Callable[[BatchRow], bool] = at_rest,
        stop: StopRequest | None = None,
        poll_s: float = POLL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queries, self._batch_id, self._console = queries, batch_id, console
        self._rests = rests
        self._stop, self._poll_s, self._clock = stop or StopRequest(), poll_s, clock

    def run(self) -> BatchRow | None:
        """Return the batch once it is closed, rejected or waits for people; when stopped, as it was last seen.

        Raises what the queries raise; calling again goes on.
        """
        row: BatchRow | None = None
        since, has_warned = self._clock(), False
        with self._display() as display:
            while True:
                row = self._queries.batch(self._batch_id)
                display.show(bars_of(row, self._queries.stage_progress(self._batch_id)))
                if (row is not None and self._rests(row)) or self._stop.wait(self._poll_s):
                    return row
                waits = row is None or row.status is BatchStatus.UPLOADED
                if waits and not has_warned and self._clock() - since > STANDSTILL_S:
                    display.remark(STANDSTILL)
                    has_warned = True

    def _display(self) -> Display:
        if self._console is None:
            return NoDisplay()
        return LiveDisplay(self._console) if self._console.is_terminal else LinesDisplay(self._console, self._clock)
