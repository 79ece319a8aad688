"""What a provider says, fit for the ledger: alike for all failures of its kind, and silent about the person."""

import re
from collections.abc import Iterable

from dispatch.domain.failures import normalise

READ_MAX = 2_000
_WORD = re.compile(r"\w+")


def fit_for_the_ledger(message: str, about: Iterable[str]) -> str:
    """The normalised message without any word of `about`: what was asked about a person must not come back."""
    words = {word for value in about for word in _WORD.findall(value.casefold()) if len(word) > 1}
    said = _WORD.sub(lambda found: "<person>" if found[0].casefold() in words else found[0], message[:READ_MAX])
    return normalise(said)
