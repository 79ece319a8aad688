"""Which addresses an http source may ask: as every request to others, with the setting and the errors of sources."""

from dispatch.adapters.outbound.addresses import AddressGuard, AddressRefused, Resolve, resolve
from dispatch.adapters.outbound.addresses import is_public as is_public
from dispatch.application.ports.sources import LookFailed


class Allowed:
    """The hosts and networks on private addresses that may be asked, also without TLS."""

    def __init__(self, text: str, resolver: Resolve = resolve) -> None:
        self._guard = AddressGuard(text, "DISPATCH_SOURCE_PRIVATE_HOSTS", resolver)
        self.names = self._guard.names

    def address(self, host: str, port: int) -> str:
        """The address to connect to. Raises LookFailed: `host_unknown` or `address_not_allowed`."""
        try:
            return self._guard.address(host, port)
        except AddressRefused as error:
            raise LookFailed(error.code, error.what, error.fix) from None
