"""Judging by two processes: each reads the whole file and judges every other chunk of it."""

from collections.abc import Generator, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path

from dispatch.application.intake.chunks import Judged, Share, judged_frames
from dispatch.application.intake.formats import RecordSource, records_of
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.profiles import Profile
from dispatch.application.ports.assistant import Assistant
from dispatch.application.ports.ledger import EventLedger

TOGETHER = 3
OWN = Share(frozenset({0}), TOGETHER)
OTHERS = Share(frozenset({1, 2}), TOGETHER)
"""The first process has the smaller share: it also counts, finds duplicates and keeps what is good."""


def judged_together(
    assistant: Assistant, records: RecordSource, path: Path, profile: Profile, layout: Layout
) -> Generator[Judged]:
    """As `judged_frames` of these records of this file, in the same order; `assistant` judges its share of them.

    Raises while iterating: as `judged_frames`, at the same place; AssistantGone.
    """
    with assistant.work(partial(_second_share, path, profile, layout)) as theirs:
        mine = judged_frames(records, profile, layout, share=OWN)
        for place in cycle(range(TOGETHER)):
            judged = next(mine if place in OWN.places else theirs, None)
            if judged is None:
                break
            yield judged
        yield from theirs  # None, as a rule: only its end is still to come.


def _second_share(
    path: Path, profile: Profile, layout: Layout, ledger: EventLedger, items: Iterator[object]
) -> Iterator[Judged]:
    return judged_frames(records_of(path, layout), profile, layout, share=OTHERS)
