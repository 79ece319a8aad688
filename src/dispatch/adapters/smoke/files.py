"""Generated files for the end-to-end smoke test: new each time, and for nobody real.

Numbers are from Ofcom's range for drama, addresses at a domain that RFC 2606 reserves: neither reaches anyone.
"""

import csv
import io

ROWS = 10
BAD = 5
HEADER = (
    *("reference", "service", "price", "customer_name", "phone", "email", "address", "postcode"),
    *("lawful_basis", "sale_ref", "notes"),
)


def good_file(run: str) -> bytes:
    """Ten rows that are all good; the run's name makes their references new."""
    return _file([_row(run, number) for number in range(1, ROWS + 1)])


def bad_file(run: str) -> bytes:
    """Ten rows, of which five have a price that is none: more than any sensible error budget."""
    rows = [_row(f"{run}-B", number) for number in range(1, ROWS + 1)]
    return _file([row | ({"price": "to be agreed"} if number < BAD else {}) for number, row in enumerate(rows)])


def _row(run: str, number: int) -> dict[str, str]:
    return {
        "reference": f"SMOKE-{run}-{number:02d}",
        "service": "boiler_service",
        "price": "89.00",
        "customer_name": f"Smoke Test {number}",
        "phone": f"07700 900{number:03d}",
        "email": f"smoke-{run}-{number}@example.org",
        "address": f"{number} Example Street",
        "postcode": "LS1 4AP",
        "lawful_basis": "contract",
        "sale_ref": f"SMOKE-{run}",
        "notes": "Smoke test: nobody is to come",
    }


def _file(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
