"""The AsyncAPI 3.0 document of what subscribers get, from the event Structs; tools/asyncapi_document.py writes it."""

from datetime import datetime
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from litestar import Response, get

from dispatch.application.public_events import (
    OUTPUT_KEYS,
    public_fields,
    public_kinds,
    public_name,
    public_type,
)
from dispatch.domain.events import Event, aggregate_of_kind

VERSION = "1"
STREAM = "DISPATCH_EVENTS"
MEDIA_TYPE = "application/vnd.aai.asyncapi+json;version=3.0.0"
DESCRIPTION = f"""\
Every event of dispatch, in the order of the ledger, as a CloudEvent 1.0 in binary mode over NATS JetStream, in the
stream `{STREAM}`. Each is delivered at least once: skip what you have seen by `ce-id`. Nothing in them is
personal: persons, texts that people wrote and the names of those who acted stay in the ledger."""
_TIME = Annotated[datetime, msgspec.Meta(extra_json_schema={"format": "date-time"})]
_HEADERS = {
    "ce-specversion": "Always 1.0.",
    "ce-id": "The position in the ledger; the same at every delivery.",
    "ce-source": "Which installation, by its setting DISPATCH_EVENTS_SOURCE.",
    "ce-type": "What happened: the subject without its last token.",
    "ce-subject": "The stream: the id of the job, batch, contact, source or whatever it is.",
    "ce-time": "When it happened.",
    "ce-recordedtime": "When it was recorded.",
    "ce-datacontenttype": "Always application/json.",
    "ce-sequence": "The position in 20 digits, ordered as text; rises, may have gaps.",
}
_HEADERS_SOMETIMES = {
    "ce-correlationid": "The batch or request that it belongs to.",
    "ce-causationid": "The command that caused it; events of one decision have the same.",
    "ce-partial": "`true` when its lists were too long to travel and are left out.",
}


def asyncapi_document() -> dict[str, Any]:
    """The document as plain data; every event of the registry has its channel, its message and its schema."""
    kinds = public_kinds()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "dispatch events",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": {
                "host": "{host}",
                "protocol": "nats",
                "description": "The server in the setting DISPATCH_NATS_URL.",
                "variables": {"host": {"default": "127.0.0.1:4222"}},
            }
        },
        "channels": {name: _channel(name, kind) for name, kind in kinds.items()},
        "operations": {
            f"send{name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
            }
            for name in kinds
        },
        "components": {
            "messages": {name: _message(name, kind) for name, kind in kinds.items()},
            "schemas": {**_schemas(kinds), "CloudEventHeaders": _headers()},
        },
    }


def asyncapi_text() -> str:
    """The document as it is committed: indented, and the same on every machine."""
    return msgspec.json.format(msgspec.json.encode(asyncapi_document()), indent=2).decode() + "\n"


@get("/schema/asyncapi.json", include_in_schema=False, sync_to_thread=False)
def show_asyncapi() -> Response[bytes]:
    """The document, made when it is asked for."""
    return Response(msgspec.json.encode(asyncapi_document()), headers={"Content-Type": MEDIA_TYPE})


def _channel(name: str, kind: type[Event]) -> dict[str, Any]:
    aggregate = aggregate_of_kind(kind)
    return {
        "address": f"{public_type(kind)}.{{id}}",
        "title": name,
        "parameters": {"id": {"description": f"The id of the {aggregate}."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "tags": [{"name": aggregate}],
    }


def _message(name: str, kind: type[Event]) -> dict[str, Any]:
    return {
        "name": public_name(kind),
        "title": name,
        "summary": " ".join((kind.__doc__ or "").split()),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }


def _schemas(kinds: dict[str, type[Event]]) -> dict[str, Any]:
    travelling = [
        msgspec.defstruct(name, [(field, _dated(hints[field])) for field in public_fields(kind)], kw_only=True)
        for name, kind in kinds.items()
        if (hints := get_type_hints(kind))
    ]
    _, schemas = msgspec.json.schema_components(travelling, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        if "output" in schema.get("properties", {}):
            schema["properties"]["output"]["propertyNames"] = {"enum": sorted(OUTPUT_KEYS)}
    return dict(sorted(schemas.items()))


def _headers() -> dict[str, Any]:
    every = {**_HEADERS, **_HEADERS_SOMETIMES}
    return {
        "type": "object",
        "required": list(_HEADERS),
        "properties": {name: {"type": "string", "description": about} for name, about in every.items()},
    }


def _dated(kind: Any) -> Any:  # noqa: ANN401 - a type of any form
    """The type with its times described as RFC 3339."""
    if kind is datetime:
        return _TIME
    if datetime in get_args(kind) and get_origin(kind) is not None:
        return Union[tuple(_dated(part) for part in get_args(kind))]  # noqa: UP007 - of types that are not known here
    return kind
