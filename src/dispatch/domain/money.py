"""Amounts of money as whole pence, so that sums are exact."""


def pounds(pence: int) -> str:
    """£1,234.56 for 123456; a negative amount stands in brackets, as accountants write it."""
    text = f"£{abs(pence) // 100:,}.{abs(pence) % 100:02d}"
    return f"({text})" if pence < 0 else text
