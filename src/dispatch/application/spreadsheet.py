"""Cells that no spreadsheet takes for a formula, and the way back (OWASP, "CSV Injection"; ASVS 5.0, 1.2.10)."""

import unicodedata

_FORMULA = frozenset("=+-@\t\r\n|")


def guarded(text: str) -> str:
    """The cell with an apostrophe before what would start a formula.

    Full-width forms count as what they look like, and blanks before them do not hide them. A cell that begins with
    apostrophes of its own before such a start gets one more, so that `unguarded` gives back every text as it was.
    """
    return f"'{text}" if _starts_formula(text.lstrip("'")) else text


def unguarded(text: str) -> str:
    """The cell as it was before `guarded`."""
    return text[1:] if text.startswith("'") and _starts_formula(text.lstrip("'")) else text


def _starts_formula(text: str) -> bool:
    if text[:1] in _FORMULA:
        return bool(text)
    begins = unicodedata.normalize("NFKC", text.lstrip())[:1]
    return bool(begins) and begins in _FORMULA
