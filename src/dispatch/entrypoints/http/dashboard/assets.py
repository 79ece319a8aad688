"""The style sheet, the script and the icon: served from memory under names that change with their content."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from dispatch.entrypoints.http.problem import Refused

KINDS = {"app.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _asset(name: str) -> tuple[bytes, str]:
    content = (Path(__file__).parent / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def asset_url(name: str) -> str:
    """Where a browser finds this asset; a changed file has another address."""
    return f"/assets/{name}?v={_asset(name)[1]}"


@get("/assets/{name:str}", sync_to_thread=False)
def show_asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """One asset; for ever cacheable under the address that names its content."""
    if name not in KINDS:
        raise Refused("not_found", "there is no such asset", where=name[:80])
    content, version = _asset(name)
    is_exact = request.query_params.get("v") == version
    headers = {"Cache-Control": FOR_EVER if is_exact else "no-cache"}
    return Response(content, media_type=KINDS[name], headers=headers)
