"""Pages of a list: an opaque cursor says behind which item the next one begins."""

import base64
import binascii
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.params import QueryParameter

from dispatch.entrypoints.http.problem import Refused

LIMIT_MAX = 100
"""Acceptance S.05."""

Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="Items a page, at most 100.")]
Cursor = Annotated[str, QueryParameter(description="`next` of the page before; empty for the first page.")]

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items, and the cursor of the page behind them; empty when this is the last."""

    items: list[T]
    next: str = ""


def encode_cursor(key: object) -> str:
    """The key of the last item shown, made opaque."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def decode_cursor(cursor: str, kind: type[T]) -> T | None:
    """The key in a cursor; None for the first page. Raises Refused (`cursor_invalid`)."""
    if not cursor:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=kind)
    except (binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError):
        fix = "use `next` of the page before as it was given, or leave the cursor out"
        raise Refused("cursor_invalid", "this cursor cannot be read", where="query parameter cursor", fix=fix) from None


def paged(request: Request[Any, Any, Any], items: list[T], key: object | None) -> Response[Page[T]]:
    """A page; `key` is that of its last item when more may follow. The next page is also in the Link header."""
    if key is None:
        return Response(Page(items))
    cursor = encode_cursor(key)
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    target = f"{request.scope['path']}?{urlencode([*asked, ('cursor', cursor)])}"
    return Response(Page(items, cursor), headers={"Link": f'<{target}>; rel="next"'})
