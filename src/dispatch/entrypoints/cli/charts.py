"""Small charts for terminals: one bar a line, in eighths of a character."""

EIGHTHS = " ▏▎▍▌▋▊▉"
FULL = "█"


def bar(value: float, most: float, width: int = 24) -> str:
    """A bar whose full width stands for `most`; anything above nothing is seen."""
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(8 * width * min(value, most) / most))
    return FULL * (eighths // 8) + EIGHTHS[eighths % 8].strip()
