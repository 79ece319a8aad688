"""An e-mail verifier over HTTP: GET /verify, in the manner of MillionVerifier."""

from typing import Literal

import msgspec
from pyreqwest.client import Client

from dispatch.adapters.providers.http import bearer, call, endpoint
from dispatch.application.ports.providers import EmailVerifier, Verdict


class _Verification(msgspec.Struct):
    """The answer. `"result": "error"` is none of these, and so is read as an error although it comes with a 200."""

    result: Literal["ok", "catch_all", "disposable", "invalid", "unknown"]


VERDICTS = {
    "ok": Verdict.VALID,
    "catch_all": Verdict.RISKY,
    "disposable": Verdict.RISKY,
    "invalid": Verdict.INVALID,
    "unknown": Verdict.UNKNOWN,
}

_verifications = msgspec.json.Decoder(_Verification)


class HttpEmailVerifier(EmailVerifier):
    """Asks `GET {base_url}/verify?email=&api=`. The key travels in the query, so no error may quote the URL."""

    def __init__(self, client: Client, base_url: str, api_key: str = "") -> None:
        bearer(api_key)  # The same rule for a key, wherever it travels.
        self._client, self._url, self._api_key = client, endpoint(base_url, "verify"), api_key

    async def verdict(self, email: str) -> Verdict:
        request = self._client.get(self._url).query({"email": email, "api": self._api_key}).build()
        return VERDICTS[(await call(request, _verifications, secret=self._api_key, about=[email])).result]
