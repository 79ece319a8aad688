"""Valid files in the dialects that are taken in, for mutation. Their persons are canaries that nothing may show."""

import csv
import io
from functools import cache
from random import Random

from dispatch.application.intake.profiles import SERVICE_JOB

CANARIES = ("zenobia", "quillfeather", "7700900461", "wychelm", "canary.example", "9ab 7qz", "fettle the gnomon")
"""In small letters: a name, a phone number, a street, an e-mail domain, a postcode and a note."""
NAMES = ("reference", "service", "price", "customer_name", "phone", "email", "address", "postcode", "preferred_date")
MORE = ("lawful_basis", "consent_date", "consent_statement", "sale_ref", "opted_out", "notes")
ALIASES = {"reference": "Job Ref", "customer_name": "Full Name", "phone": "Tel", "postcode": "Post Code"}
SERVICES = ("boiler_service", "EICR", "gutter cleaning", "Blocked drain", "windows")
ROWS = (1, 3, 8, 20)


@cache
def seeds() -> tuple[bytes, ...]:
    """The files, always the same ones."""
    chance = Random(1812)
    return tuple(_file(chance, delimiter, rows) for delimiter in ",;\t|" for rows in ROWS)


def _file(chance: Random, delimiter: str, rows: int) -> bytes:
    newline = chance.choice(("\n", "\r\n", "\n"))
    wide = chance.random() < 0.5
    names = NAMES + MORE if wide else NAMES
    text = io.StringIO(newline="")
    quoting = chance.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerow([ALIASES.get(name, name) if chance.random() < 0.5 else name for name in names])
    for number in range(1, rows + 1):
        row = _row(chance, number)
        writer.writerow([row[name] for name in names])
        if chance.random() < 0.1:
            text.write(newline)
    bom = b"\xef\xbb\xbf" if chance.random() < 0.3 else b""
    return bom + text.getvalue().encode()


def _row(chance: Random, number: int) -> dict[str, str]:
    good = {column.name: "" for column in SERVICE_JOB.columns} | {
        "reference": f"FZ-{number if chance.random() < 0.9 else 1:04d}",
        "service": chance.choice(SERVICES),
        "price": chance.choice(("89.00", "£1,250.00", "8900p", "12")),
        "customer_name": chance.choice(("Zenobia Quillfeather", "O'Brien, Zenobia", 'Zenobia "Zen" Quillfeather')),
        "phone": chance.choice(("07700 900461", "+447700900461", "(0)7700-900461")),
        "email": f"zenobia{number}@canary.example.org",
        "address": chance.choice(("7 Wychelm Row, Leeds", "7 Wychelm Row\nFlat 2\nLeeds")),
        "postcode": chance.choice(("LS9 7QZ", "ls97qz")),
        "preferred_date": chance.choice(("2026-12-01", "01/12/2026", "1 Dec 2026", "")),
        "lawful_basis": chance.choice(("contract", "", "consent")),
        "opted_out": chance.choice(("no", "")),
        "notes": chance.choice(("", "Fettle the gnomon", "Dog 🐕, “beware”")),
    }
    if chance.random() < 0.08:
        good |= chance.choice(({"price": "TBC"}, {"postcode": "9AB 7QZ"}, {"phone": "7700 90046"}, {"service": "?"}))
    return good
