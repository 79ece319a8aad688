"""Which natural keys (job references) were brought before, and by which row of which batch."""

from collections.abc import Iterable, Sequence
from typing import Protocol


class NaturalKeys(Protocol):
    """A register of natural keys per profile. The first row to claim a key owns it, until its import is taken back."""

    def claim(self, profile: str, batch_id: str, rows: Sequence[tuple[int, str]], *, resets: int = 0) -> set[int]:
        """Claim the key of each (row number, key); answers the rows whose key another row owns already.

        Claiming again for the same batch and row changes nothing: an interrupted import may repeat itself.

        Args:
            profile: the kind of file; each has its own keys.
            batch_id: whose rows they are.
            rows: row numbers and keys.
            resets: how often the batch was reset. A row after a reset is not the row before it: where the earlier one
                is a job that could not be cancelled, the later one is its duplicate.
        """
        ...

    def release(self, batch_id: str, kept: Iterable[int], *, resets: int = 0) -> None:
        """Give up every key that the batch has claimed since this reset, but for those of the rows in `kept`."""
        ...

    def known(self, profile: str, keys: Sequence[str]) -> set[str]:
        """Which of these keys a row owns already. Nothing is claimed."""
        ...
