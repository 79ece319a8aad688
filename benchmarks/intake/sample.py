"""The file: invented jobs as tools/make_sample.py makes them."""

import csv
from pathlib import Path

from tools.make_sample import HEADER, rows

SEED = 2026


def write_sample(path: Path, count: int, bad: float) -> int:
    """Write `count` rows, a share of them bad; answers the number of good ones.

    No row has a cell too many: raw COPY, which is compared, would refuse the file.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(row[: len(HEADER)] for row in rows(count, bad, 0, SEED))
    cut = sum(len(row) > len(HEADER) for row in rows(count, bad, 0, SEED))
    return count - round(count * bad) + cut
