"""Which natural keys (job references) were brought before, and by which row of which batch."""

from collections.abc import Sequence
from typing import Protocol


class NaturalKeys(Protocol):
    """A register of natural keys per profile. The first row to claim a key owns it for ever."""

    def claim(self, profile: str, batch_id: str, rows: Sequence[tuple[int, str]]) -> set[int]:
        """Claim the key of each (row number, key); answers the rows whose key another row owns already.

        Claiming again for the same batch and row changes nothing: an interrupted import may repeat itself.
        """
        ...

    def known(self, profile: str, keys: Sequence[str]) -> set[str]:
        """Which of these keys a row owns already. Nothing is claimed."""
        ...
