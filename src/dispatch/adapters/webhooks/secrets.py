"""The secrets of endpoints, derived from the installation's keys: none is stored anywhere (ADR 0020)."""

import hmac

from dispatch.adapters.privacy.keyring import Keyring

LABEL = b"dispatch endpoint secret v1\x00"


class DerivedSecrets:
    """Implements the port `EndpointSecrets`: a pseudorandom function of the endpoint and the id of its secret."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def secret(self, endpoint_id: str, secret_id: str) -> bytes:
        """32 bytes, the same after a rotation of the master key. Raises KeyMissing, LedgerUnavailable."""
        return hmac.digest(self._keyring.index_key(), LABEL + f"{endpoint_id}\x00{secret_id}".encode(), "sha256")
