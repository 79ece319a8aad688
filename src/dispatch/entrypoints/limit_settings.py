"""The settings of rate limits, read from their texts: the plan of callers, proxies that are trusted, rates."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

from dispatch.application.limits import PLANS, InboundPlan
from dispatch.domain.zone.events import Measure
from dispatch.domain.zone.judging import DEFAULT, Limits

_ZONE = re.compile(r"([a-z_]+)=(\d{1,9}(?:\.\d{1,3})?),(\d{1,9}(?:\.\d{1,3})?)", re.ASCII)
_RATE = re.compile(r"([a-z0-9][a-z0-9_.-]*)=([1-9][0-9]{0,5})", re.ASCII)


def read_plan(name: str) -> InboundPlan:
    """What each caller may ask for. Raises ValueError."""
    if name not in PLANS:
        raise ValueError(f"{name!r} is no plan, write one of {', '.join(PLANS)}")
    return InboundPlan(name, PLANS[name])


def read_proxies(text: str) -> list[IPv4Network | IPv6Network]:
    """Who may say for whom a request comes. Raises ValueError: says which part is no address and no network."""
    networks = []
    for part in text.split():
        try:
            networks.append(ip_network(part, strict=False))
        except ValueError:
            what = f"{part!r} is neither an address nor a network"
            raise ValueError(f"{what}, write them as in 10.0.0.7 192.168.0.0/24") from None
    return networks


def read_rates(text: str) -> dict[str, int]:
    """Calls a second by provider. Raises ValueError: says which part is no rate."""
    rates: dict[str, int] = {}
    for part in text.split():
        found = _RATE.fullmatch(part)
        if found is None or found[1] in rates:
            what = "is there twice" if found else "is not NAME=CALLS with a whole number from 1 to 999999"
            raise ValueError(f'{part!r} {what}, write them as in "notifier=50 email_verifier=20"')
        rates[found[1]] = int(found[2])
    return rates


def read_zones(text: str) -> dict[Measure, Limits]:
    """Where yellow and red begin, by measure; those that are not named keep their defaults.

    Raises ValueError: says which part is wrong.
    """
    limits, named = dict(DEFAULT), set[str]()
    example = 'write them as in "lag_s=10,60 age_s=300,1800"'
    for part in text.split():
        found = _ZONE.fullmatch(part)
        if found is None or found[1] not in Measure.__members__.values():
            known = ", ".join(Measure)
            raise ValueError(f"{part!r} is not MEASURE=YELLOW,RED with one of {known}; {example}")
        if found[1] in named:
            raise ValueError(f"{part!r} names its measure a second time")
        yellow, red = float(found[2]), float(found[3])
        if not 0 < yellow <= red:
            raise ValueError(f"{part!r}: yellow begins above 0 and not behind red; {example}")
        named.add(found[1])
        limits[Measure(found[1])] = Limits(yellow, red)
    return limits
