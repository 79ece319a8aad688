"""Requests that another site made a browser send are refused before anything of them is read."""

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from dispatch.entrypoints.http.problem import Refused

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OWN = frozenset({"same-origin", "none", ""})


def refuse_other_sites(connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # Any of them.
    """Browsers say where a request comes from (Fetch Metadata); programs say nothing and are let through.

    Raises:
        Refused: `cross_site_request`.
    """
    if connection.scope.get("method") in SAFE:
        return
    origin = connection.headers.get("sec-fetch-site", "")
    if origin not in OWN:
        what, fix = "this request comes from another site", "send it from the page of dispatch itself"
        raise Refused("cross_site_request", what, where="header Sec-Fetch-Site", fix=fix)
