"""Keys for callers who come at the same moment: one of them asks for all, so that they share one commit."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from dispatch.adapters.privacy.subject_keys import SubjectKeys

Keys = Mapping[bytes, bytes | None]
Pairs = Sequence[tuple[bytes, bytes]]


class _Caller(NamedTuple):
    subjects: Sequence[bytes]
    addresses: Pairs
    are_new: bool
    answer: "Future[Keys]"


class KeysAtOnce:
    """`SubjectKeys.ensure` without artificial delay: whoever comes while one asks is part of the next question.

    Where all subjects are new, as those of a job that is opened, one statement is enough.
    """

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys
        self._waiting: list[_Caller] = []
        self._door, self._desk = threading.Lock(), threading.Lock()

    def ensure(self, subjects: Sequence[bytes], addresses: Pairs, *, are_new: bool = False) -> Keys:
        """As `SubjectKeys.ensure`; there may be more keys in the answer. Raises as it does.

        `are_new`: nobody should have met these subjects; if somebody has, it takes longer.
        """
        mine = _Caller(subjects, addresses, are_new, Future())
        with self._door:
            self._waiting.append(mine)
        with self._desk:  # Who gets in next finds himself answered, or asks for all who wait by now.
            if not mine.answer.done():
                with self._door:
                    group, self._waiting = self._waiting, []
                self._ask(group)
        return mine.answer.result()

    def _ask(self, group: Sequence[_Caller]) -> None:
        subjects = list(dict.fromkeys(subject for caller in group for subject in caller.subjects))
        pairs = [pair for caller in group for pair in caller.addresses]
        try:
            made = self._keys.make(subjects, pairs) if all(caller.are_new for caller in group) else None
            keys = self._keys.ensure(subjects, pairs) if made is None else made
        except Exception as error:
            for caller in group:
                caller.answer.set_exception(error)
        else:
            for caller in group:
                caller.answer.set_result(keys)
