"""Registers of ours that stages look into: what is given out once, and stays with whom it was given to."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class CompanyNumber(msgspec.Struct, frozen=True):
    """The number of a company, and the job for which it was given out."""

    number: int
    first_job: str


class NumberTaken(Exception):
    """The sequence gave a number that a company has already: somebody wrote into the register by hand."""


class CompanyNumbers(Protocol):
    """Numbers of companies, from a sequence: each is given out once, and a company gets one only."""

    def allocate(self, asked: Sequence[tuple[str, str]]) -> dict[str, CompanyNumber | None]:
        """The number of each company, by job id; asking again answers the same.

        Numbers rise, and some may be left out: one that was drawn when a connection broke is never given out.

        Args:
            asked: job id and company, each company by what it is known by everywhere.

        Returns: None for a company that is new when the sequence is used up; nothing else is changed by that.

        Raises:
            NumberTaken: nothing was given out in this call.
            LedgerUnavailable: it is not known whether something was; ask again.
        """
        ...


class Registers(msgspec.Struct, frozen=True):
    """The registers that stages may look into."""

    company_numbers: CompanyNumbers
