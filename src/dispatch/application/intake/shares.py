"""Judging by two processes: each reads the whole file and judges every other chunk of it."""

from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

from dispatch.application.intake.chunks import Judged, judged_frames
from dispatch.application.intake.formats import RecordSource, records_of
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.profiles import Profile
from dispatch.application.ports.assistant import Assistant
from dispatch.application.ports.ledger import EventLedger

TOGETHER = 2


def judged_together(
    assistant: Assistant, records: RecordSource, path: Path, profile: Profile, layout: Layout
) -> Generator[Judged]:
    """As `judged_frames` of these records of this file, in the same order; `assistant` judges half of them.

    Raises while iterating: as `judged_frames`, at the same place; AssistantGone.
    """
    with assistant.work(partial(_second_share, path, profile, layout)) as theirs:
        for mine in judged_frames(records, profile, layout, every=TOGETHER):
            yield mine
            if (other := next(theirs, None)) is None:
                return
            yield other
        for other in theirs:  # None, as a rule: only its end is still to come.
            yield other


def _second_share(
    path: Path, profile: Profile, layout: Layout, ledger: EventLedger, items: Iterator[object]
) -> Iterator[Judged]:
    return judged_frames(records_of(path, layout), profile, layout, first=1, every=TOGETHER)
