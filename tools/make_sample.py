"""Writes a CSV of invented UK service jobs: python tools/make_sample.py --rows 100000 --bad 0.02 --out jobs.csv

The same arguments give the same file. Nobody real is in it: phone numbers are from Ofcom's ranges for drama, e-mail
addresses at the domains that RFC 2606 reserves for examples. Without arguments it writes the two committed samples.
"""

import argparse
import csv
import random
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

TODAY = date(2026, 11, 23)
HEADER = [
    "reference", "service", "price", "customer_name", "phone", "email", "address", "postcode", "preferred_date",
    "lawful_basis", "consent_date", "consent_statement", "sale_ref", "opted_out", "notes",
]  # fmt: skip
SERVICES = {  # pence
    "boiler_service": 8900, "gas_safety_certificate": 7500, "electrical_inspection": 16500, "ev_charger_install": 94900,
    "smoke_alarm_fitting": 5900, "gutter_clearance": 9500, "roof_inspection": 12000, "chimney_sweep": 6500,
    "window_cleaning": 3200, "oven_cleaning": 6900, "carpet_cleaning": 8500, "end_of_tenancy_clean": 21000,
    "drain_unblocking": 11000, "tap_replacement": 9900, "lock_change": 11500, "garden_clearance": 18000,
    "pest_control": 13500, "loft_insulation": 64000,
}  # fmt: skip
SPELLINGS = {
    "boiler_service": "Boiler Service", "gutter_clearance": "gutter cleaning", "electrical_inspection": "EICR",
    "gas_safety_certificate": "CP12", "drain_unblocking": "Blocked drain", "lock_change": "Lock change",
}  # fmt: skip
TOWNS = [  # town, postcode area, highest district that we use, drama phone range (None: no range of its own)
    ("Leeds", "LS", 17, "0113 496 0"), ("Sheffield", "S", 11, "0114 496 0"), ("Nottingham", "NG", 9, "0115 496 0"),
    ("Leicester", "LE", 5, "0116 496 0"), ("Bristol", "BS", 9, "0117 496 0"), ("Reading", "RG", 6, "0118 496 0"),
    ("Birmingham", "B", 32, "0121 496 0"), ("Edinburgh", "EH", 16, "0131 496 0"), ("Glasgow", "G", 15, "0141 496 0"),
    ("Liverpool", "L", 19, "0151 496 0"), ("Manchester", "M", 22, "0161 496 0"), ("Cardiff", "CF", 5, "029 2018 0"),
    ("Newcastle upon Tyne", "NE", 7, "0191 498 0"), ("Belfast", "BT", 15, "028 9649 6"),
    ("London", "SE", 27, "020 7946 0"), ("London", "N", 22, "020 7946 0"),
    ("York", "YO", 10, None), ("Norwich", "NR", 7, None), ("Exeter", "EX", 4, None),
    ("Plymouth", "PL", 6, None), ("Aberdeen", "AB", 16, None), ("Swansea", "SA", 3, None), ("Bath", "BA", 2, None),
    ("Brighton", "BN", 3, None), ("Southampton", "SO", 19, None), ("Oxford", "OX", 4, None), ("Derby", "DE", 23, None),
    ("Coventry", "CV", 6, None), ("Preston", "PR", 2, None), ("Inverness", "IV", 3, None),
]  # fmt: skip
STREETS = ["High Street", "Station Road", "Church Lane", "Victoria Road", "Mill Lane", "Park Avenue", "The Crescent",
           "Queens Road", "Albert Street", "Orchard Close", "Manor Drive", "Springfield Road", "Chapel Hill",
           "Elm Grove", "Kings Terrace", "Meadow View", "Priory Walk", "Northgate"]  # fmt: skip
FIRST = ["Amelia", "Oliver", "Aisha", "George", "Isla", "Mohammed", "Freya", "Harry", "Priya", "Jack", "Niamh", "Rhys",
         "Chloe", "Callum", "Zofia", "Thomas", "Siân", "Kwame", "Eleanor", "Arjun", "Grace", "Tomasz", "Hannah", "Ewan",
         "Yasmin", "Daniel", "Megan", "Samuel", "Chinwe", "Lewis"]  # fmt: skip
LAST = ["Smith", "Patel", "Jones", "O'Brien", "Williams", "Khan", "Taylor", "Kowalska", "Davies", "Campbell", "Evans",
        "Okafor", "Thomas", "Robertson", "Begum", "Wright", "Walker-Hughes", "Stewart", "Green", "Hall", "Clarke",
        "Murphy", "Ahmed", "Bennett", "Nowak", "Fraser", "Lloyd", "Chaudhry", "Marsh", "Doyle"]  # fmt: skip
DOMAINS = ["example.com", "example.org", "example.net", "post.example", "mail.example"]
NOTES = ["", "", "", "", "", "Ring the bell twice", "Dog in the garden", "Key safe by the side door",
         "Parking permit needed, ask on arrival", "Prefers mornings", "Second floor, no lift",
         'Says "please be on time"', "Gate is locked: use the back lane"]  # fmt: skip
ASCII_NAME = str.maketrans({"â": "a", "'": "", " ": "", "-": ""})
INWARD = "ABDEFGHJLNPQRSTUWXYZ"

Row = dict[str, str]


def good_row(number: int, chance: random.Random) -> Row:
    """One valid row, in the variety of forms that people write."""
    service = chance.choice(list(SERVICES))
    pence = SERVICES[service] + chance.choice((0, 0, 0, 500, 1000, 2550))
    name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    town, area, districts, numbers = chance.choice(TOWNS)
    row = {
        "reference": f"SJ-2026-{number:06d}",
        "service": SPELLINGS.get(service, service) if chance.random() < 0.2 else service,
        "price": chance.choice((_plain, _plain, _plain, _pounds, _pence))(pence),
        "customer_name": name,
        "phone": _phone(numbers, chance),
        "email": f"{name.lower().translate(ASCII_NAME).replace('.', '')}{number}@{chance.choice(DOMAINS)}",
        "address": f"{chance.randint(1, 180)} {chance.choice(STREETS)}, {town}",
        "postcode": _postcode(area, districts, chance),
        "preferred_date": _day(TODAY + timedelta(days=chance.randint(7, 90)), chance) if chance.random() < 0.8 else "",
        "notes": chance.choice(NOTES),
    }
    row |= _permission(number, chance)
    absent = chance.random()
    if absent < 0.04:
        row["email"] = ""  # Enrichment has something to find.
    elif absent < 0.08:
        row["phone"] = ""
    return row


def _permission(number: int, chance: random.Random) -> Row:
    roll = chance.random()
    row = {"lawful_basis": "", "consent_date": "", "consent_statement": "", "sale_ref": "", "opted_out": "no"}
    if roll < 0.62:
        row |= {"lawful_basis": "contract", "sale_ref": f"ORD-{number % 90000 + 10000}"}
    elif roll < 0.80:
        day = TODAY - timedelta(days=chance.randint(5, 600))
        row |= {"lawful_basis": "consent", "consent_date": _day(day, chance), "consent_statement": "web-form-v3"}
    elif roll < 0.92:
        row |= {
            "lawful_basis": chance.choice(("soft_opt_in", "Soft opt-in")),
            "sale_ref": f"INV-{number % 90000 + 10000}",
        }
    elif roll < 0.95:  # Expired.
        day = TODAY - timedelta(days=chance.randint(800, 1500))
        row |= {"lawful_basis": "consent", "consent_date": _day(day, chance), "consent_statement": "paper-form-v1"}
    elif roll < 0.97:  # An objection wins over every basis.
        row |= {"lawful_basis": "contract", "sale_ref": f"ORD-{number % 90000 + 10000}", "opted_out": "yes"}
    elif roll < 0.98:
        row |= {"lawful_basis": "consent"}  # Consent of which nobody knows when and to what.
    return row


def _plain(pence: int) -> str:
    return f"{pence / 100:.2f}"


def _pounds(pence: int) -> str:
    return f"£{pence / 100:,.2f}"


def _pence(pence: int) -> str:
    return f"{pence}p"


def _phone(numbers: str | None, chance: random.Random) -> str:
    roll = chance.random()
    if numbers is None and roll >= 0.85:
        numbers = "01632 960"  # No area: Ofcom's number for any town.
    if numbers is None or roll < 0.7:
        digits = f"7700 900{chance.randint(0, 999):03d}"
        form = chance.choice(("0{}", "0{}", "+44 {}", "+44 (0){}", "0044 {}")).format(digits)
        return form.replace(" ", "") if chance.random() < 0.4 else form
    return numbers + f"{chance.randint(0, 999):03d}"


def _postcode(area: str, districts: int, chance: random.Random) -> str:
    inward = f"{chance.randint(1, 9)}{chance.choice(INWARD)}{chance.choice(INWARD)}"
    text = f"{area}{chance.randint(1, districts)} {inward}"
    roll = chance.random()
    return text if roll < 0.9 else text.replace(" ", "") if roll < 0.95 else text.lower()


def _day(day: date, chance: random.Random) -> str:
    if chance.random() < 0.6:
        return day.isoformat()
    forms = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %b %Y", "%d %B %Y", "%Y%m%d")
    return day.strftime(chance.choice(forms))


FAULTS: list[Callable[[Row], Row]] = [  # each makes a good row bad
    lambda row: row | {"price": "TBC"},
    lambda row: row | {"postcode": "Leeds"},
    lambda row: row | {"email": row["email"].replace("@", " at ") or "none at example.com"},
    lambda row: row | {"phone": "07700 9001"},
    lambda row: row | {"preferred_date": "31/02/2027"},
    lambda row: row | {"service": "boiler servce"},
    lambda row: row | {"customer_name": ""},
    lambda row: row | {"price": "(85.00)"},
    lambda row: row | {"reference": ""},
    lambda row: row | {"lawful_basis": "legitimate interest"},
    lambda row: row | {"preferred_date": "12/24/2026"},
    lambda row: row | {"price": "1.234,56"},
    lambda row: row | {"postcode": ""},
    lambda row: row | {"opted_out": "maybe"},
    lambda row: row | {"price": "85,00", "phone": "unknown", "postcode": "SW1A 1A"},
    lambda row: row | {"customer_name": "Very " * 30 + "Long"},
    lambda row: row | {"service": "piano tuning"},
    lambda row: row | {"email": "someone@@example.com"},
    lambda row: row | {"consent_date": "last spring"},
    lambda row: row | {"notes": row["notes"], "": "a cell too many"},
]


def rows(count: int, bad: float, duplicates: int, seed: int) -> Iterator[list[str]]:
    """`count` rows, of which exactly round(count x bad) are invalid and `duplicates` repeat an earlier good row."""
    chance = random.Random(seed)  # noqa: S311 - a sample must be the same again, not unguessable
    special = chance.sample(range(1, count), round(count * bad) + duplicates)
    faults = {number: i for i, number in enumerate(special[duplicates:])}
    repeats = set(special[:duplicates])
    last_good: Row | None = None
    for number in range(count):
        row = good_row(number + 1, chance)
        if number in faults:
            row = FAULTS[faults[number] % len(FAULTS)](row)
        elif number in repeats and last_good:
            row = last_good
        else:
            last_good = row
        yield [row.get(name, "") for name in HEADER] + ([row[""]] if "" in row else [])


def write(path: Path, count: int, bad: float, duplicates: int, seed: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows(count, bad, duplicates, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--bad", type=float, default=0.04, help="share of invalid rows, 0 to 1")
    parser.add_argument("--duplicates", type=int, default=4)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, help="the file to write; without it the committed samples are written")
    args = parser.parse_args()
    if not 0 <= args.bad <= 1 or args.rows < 2 or round(args.rows * args.bad) + args.duplicates >= args.rows:
        parser.error("the first row is always good: --bad and --duplicates leave no room for it")
    if args.out:
        write(args.out, args.rows, args.bad, args.duplicates, args.seed)
        print(f"{args.out}: {args.rows:,} rows", file=sys.stderr)
        return
    samples = Path(__file__).parent.parent / "samples"
    write(samples / "service-jobs.csv", 500, 0.04, 4, 2026)
    write(samples / "service-jobs-too-many-errors.csv", 40, 0.15, 0, 40)


if __name__ == "__main__":
    main()
