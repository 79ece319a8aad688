"""Who calls: the address a request is counted under, also behind proxies that are trusted."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from litestar.types import Scope

Address = IPv4Address | IPv6Address
SITE_BITS = 64
"""A site with IPv6 has at least so long a prefix to itself: it is one caller, whichever of its addresses it uses."""


def caller(scope: Scope, trusted: Sequence[IPv4Network | IPv6Network]) -> Address | None:
    """The address that a request comes from; None over a unix socket.

    X-Forwarded-For is read from its end, as far as each hop is a proxy that is trusted; what stands before the first
    that is not could have been written by anybody.
    """
    peer = scope.get("client")
    address = _address(peer[0]) if peer else None
    if address is None or not trusted:
        return address
    headers = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    for hop in reversed(",".join(headers).split(",")):
        if not any(address in network for network in trusted):
            break
        before = _address(hop.strip())
        if before is None:
            break
        address = before
    return address


def counted_as(address: Address) -> str:
    """The name under which requests of this address are counted."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, SITE_BITS), strict=False))
    return str(address)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
