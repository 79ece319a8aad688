"""Which addresses of others may be asked: those of the public Internet, and what a setting allows (OWASP, SSRF)."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address.
_SIX_TO_FOUR = IPv6Network("2002::/16")  # RFC 3056: bits 16 to 47 are one.


class AddressRefused(Exception):
    """A host may not be asked, or nobody knows it. `code` is stable."""

    def __init__(self, code: str, what: str, fix: str) -> None:
        super().__init__(code, what, fix)
        self.code, self.what, self.fix = code, what, fix


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the resolver of this machine. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class AddressGuard:
    """Vets hosts; those and the networks in the setting may be private, and be asked without TLS."""

    def __init__(self, text: str, setting: str, resolver: Resolve = resolve) -> None:
        self._hosts: set[str] = set()
        self._networks: list[Network] = []
        self._setting, self._resolve = setting, resolver
        for word in text.replace(",", " ").split():
            try:
                self._networks.append(ip_network(word))
            except ValueError:
                self._hosts.add(word.lower().rstrip("."))

    def names(self, host: str) -> bool:
        """Is this host, or the network of this address, in the setting?"""
        host = host.lower().rstrip(".")
        if host in self._hosts:
            return True
        try:
            return self._has(ip_address(host.strip("[]")))
        except ValueError:
            return False

    def address(self, host: str, port: int) -> str:
        """The address to connect to: looked up once, judged, and then used, so that no second answer can differ.

        One address that is not allowed refuses the host: a name that mixes them is made to be asked twice.

        Raises:
            AddressRefused: `host_unknown` or `address_not_allowed`.
        """
        try:
            found = [ip_address(each.partition("%")[0]) for each in self._resolve(host.strip("[]"), port)]
        except (OSError, UnicodeError, ValueError):
            found = []
        if not found:
            raise AddressRefused("host_unknown", f"the host {host} is not known", "check the name")
        if self.names(host) or all(self._has(address) or is_public(address) for address in found):
            return str(found[0])
        what = f"{host} is on an address of a private network, of this machine, or of no host"
        fix = f"use a public address, or add the host or its network to {self._setting}"
        raise AddressRefused("address_not_allowed", what, fix)

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self._networks if network.version == address.version)


def is_public(address: Address) -> bool:
    """Is this an address of one host on the public Internet, also behind the forms that hold an IPv4 address?"""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is None and address in _SIX_TO_FOUR:
            inner = IPv4Address((int(address) >> 80) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
