"""Who holds which role at which company: invented people, the same for the same company and role."""

import re

import msgspec

from dispatch.adapters.providers.simulator.fates import Draw

FIRST = ("Amelia", "Oliver", "Aisha", "George", "Isla", "Priya", "Rhys", "Zofia", "Kwame", "Eleanor", "Tomasz", "Niamh")
LAST = ("Ashdown", "Bramwell", "Carrow", "Dunmore", "Elmhurst", "Farrier", "Garside", "Holt", "Ingram", "Kestrel")
DRAMA_MOBILES = "+447700900"  # Ofcom keeps 07700 900000 to 900999 for drama: they ring nowhere.
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def key_of(query: dict[str, str]) -> str:
    """What a question about a contact is told apart by: the reference, and the role where one is asked for."""
    reference, role = query.get("reference", ""), query.get("role", "")
    return f"{reference}/{role}" if role else reference


def holder(seed: int, query: dict[str, str]) -> bytes:
    """The answer about a role, as JSON: a mailbox at the host of the company's website."""
    draw = Draw(seed, "holder", key_of(query))
    first, last = FIRST[draw.number(0) % len(FIRST)], LAST[draw.number(1) % len(LAST)]
    site = query.get("reference", "").casefold().partition("/")[0].removeprefix("www.")
    host = site if _HOST.fullmatch(site) else "example.com"
    name = f"{first}.{last}".casefold()
    return msgspec.json.encode(
        {
            "full_name": f"{first} {last}",
            "email": f"{name}.{draw.number(2) % 1000:03d}@{host}",
            "phone": f"{DRAMA_MOBILES}{draw.number(2) % 1000:03d}",
            "linkedin_url": f"https://people.example/in/{first}-{last}-{draw.number(3) % 1000:03d}".casefold(),
            "source": "simulator",
        }
    )
