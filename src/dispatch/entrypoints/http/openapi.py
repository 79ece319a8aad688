"""The OpenAPI 3.1 document: served as JSON; tools/openapi_document.py writes it to docs/openapi.json."""

from typing import Any

import msgspec
from litestar import Litestar, Response, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License, Tag
from litestar.serialization import encode_json

from dispatch.entrypoints.http.problem import Refused

VERSION = "1"
DESCRIPTION = """\
Send files of fixed-price service jobs, follow them through the pipeline, and decide about what is before a person.
Commands answer 202 with a Location. Every answer that is not a success is a Problem Details object (RFC 9457) whose
`code` is stable. Lists come in pages: `next` and the Link header lead to the one behind.

Each caller has a number of requests a minute; 429 says in `Retry-After` for how many seconds to wait. Where a limit
applies every answer has `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (seconds until all of it
is there again), and the same as `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10)."""


def openapi_config() -> OpenAPIConfig:
    """What the document says of the whole API; without the framework's pages, which load scripts from elsewhere."""
    return OpenAPIConfig(
        title="dispatch",
        version=VERSION,
        description=DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        tags=[
            Tag(name="batches", description="Files and what became of them"),
            Tag(name="jobs", description="Rows on their way"),
            Tag(name="notifications", description="Single messages, sent as they come or at their time"),
            Tag(name="statistics", description="All batches together"),
            Tag(name="sources", description="Where rows come from by themselves"),
            Tag(name="limits", description="How much may go out, and be asked for"),
            Tag(name="health", description="For whoever runs the server"),
        ],
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router(
            "/schema", route_handlers=[], include_in_schema=False, after_request=_no_page_of_the_framework
        ),
    )


def _no_page_of_the_framework(response: Response[Any]) -> Response[Any]:
    if response.status_code == 404:
        what, fix = "there is no such description of the API", "see /schema/openapi.json"
        raise Refused("not_found", what, fix=fix)
    return response


def document(http: Litestar) -> str:
    """The document as it is committed: indented, and the same on every machine."""
    return msgspec.json.format(encode_json(http.openapi_schema.to_schema()), indent=2).decode() + "\n"
