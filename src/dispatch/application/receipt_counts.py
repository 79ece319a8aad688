"""Counting receipts so that an accident in the middle neither forgets nor doubles one."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from dispatch.application.ports.receipts import Receipt, ReceiptKind


@dataclass
class Tally:
    """What has become of some receipts so far, in whatever way their recording ends."""

    recorded: list[Receipt] = field(default_factory=list)
    repeated: list[Receipt] = field(default_factory=list)
    contradicting: int = 0

    def counts(self, **more: int) -> Counter[str]:
        """Those of what was recorded, and more."""
        recorded, contradicting = ReceiptKind.RECORDED.value, ReceiptKind.CONTRADICTING.value
        return Counter({recorded: len(self.recorded), contradicting: self.contradicting} | more)

    def waited(self) -> Counter[str]:
        """Of receipts that waited: whoever settles one counts it as repeated, so what is recorded is taken off."""
        return self.counts(late=len(self.recorded), repeated=-len(self.recorded))


class Owed:
    """Counts of what is recorded that could not be written, by provider: the next ones bring them. Of many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, Counter[str]] = {}

    def add(self, provider: str, counts: Mapping[str, int]) -> None:
        """Keep these until they can be written; with the process they are lost."""
        with self._lock:
            self._counts.setdefault(provider, Counter()).update(counts)

    @contextmanager
    def paid_with(self, provider: str, counts: Mapping[str, int]) -> Iterator[Counter[str]]:
        """These counts and the owed ones, to be written within; after an error the owed ones are owed still."""
        with self._lock:
            owed = self._counts.pop(provider, Counter())
        both = Counter(counts)
        both.update(owed)
        try:
            yield both
        except BaseException:
            self.add(provider, owed)
            raise
