"""Files that arrive over HTTP: spooled piece by piece as they come, refused as soon as they cannot be taken."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from multipart import (  # type: ignore[import-untyped]  # The package has annotations and no py.typed.
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_content_disposition,
    parse_options_header,
)

from dispatch.application.intake.correct import CorrectBatch, Corrected
from dispatch.application.intake.dry_run import DryRun
from dispatch.application.intake.forecast import Forecast
from dispatch.application.intake.profiles import profile_named
from dispatch.application.intake.receive import CHUNK_BYTES, Received, ReceiveFile, Upload
from dispatch.domain.batch.desk import Priority
from dispatch.entrypoints.http.problem import Refused

FIELD_BYTES_MAX = 1_000
FORM_BYTES_MAX = 64_000
"""What a form may hold besides the file."""
PARTS_MAX = 10
NAME_CHARACTERS_MAX = 200
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BARE = {"text/csv": "csv", "application/x-ndjson": "ndjson", "application/json": "json", WORKBOOK: "xlsx"}
"""Content types under which a file may be the whole body, with the ending of its name where none is given.

What it is, its first bytes say: none of these is believed.
"""
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off", ""})

R = TypeVar("R")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be taken in."""

    profile: str = "service-job"
    error_threshold_percent: int = 10
    force: bool = False
    priority: Priority = Priority.NORMAL


async def receive_upload(request: Request[Any, Any, Any], receive: ReceiveFile, options: Options, by: str) -> Received:
    """Receive the file of a request, a form or the bare text; fields of a form win over `options`.

    Raises:
        Refused: the request is not an upload.
        FileRefused, ProfileUnknown, ThresholdOutOfRange: as `ReceiveFile`; nothing is recorded.
        LedgerUnavailable: nothing is known to be recorded; send the file again.
    """
    profile_named(options.profile)

    def complete(upload: Upload, name: str, options: Options) -> Received:
        return receive.complete(
            upload,
            profile_named(options.profile),
            name,
            error_threshold_percent=options.error_threshold_percent,
            by=by,
            force=options.force,
            priority=options.priority,
        )

    return await _receive(request, Arriving(_beginning(receive), complete, options), receive.file_bytes_max)


async def forecast_upload(
    request: Request[Any, Any, Any], receive: ReceiveFile, dry_run: DryRun, options: Options
) -> Forecast:
    """What the file of a request would come to; nothing is written. Raises as `receive_upload`, ViewsUnavailable."""
    profile_named(options.profile)

    def forecast(upload: Upload, _: str, options: Options) -> Forecast:
        return dry_run(
            upload,
            profile_named(options.profile),
            error_threshold_percent=options.error_threshold_percent,
            force=options.force,
        )

    return await _receive(request, Arriving(_beginning(receive), forecast, options), receive.file_bytes_max)


def _beginning(receive: ReceiveFile) -> Callable[[Options], Upload]:
    return lambda options: receive.begin(profile_named(options.profile))


async def receive_correction(
    request: Request[Any, Any, Any], correct: CorrectBatch, batch_id: str, by: str
) -> Corrected:
    """Receive the file of a request as corrected rows of this batch.

    Raises:
        Refused: the request is not an upload.
        FileRefused, DomainError: as `CorrectBatch`; nothing is recorded.
        LedgerUnavailable: nothing is known to be recorded; send the file again.
    """

    def begin(_: Options) -> Upload:
        return correct.begin(batch_id)

    def complete(upload: Upload, name: str, _: Options) -> Corrected:
        return correct.complete(upload, batch_id, name, by=by)

    return await _receive(request, Arriving(begin, complete, Options()), correct.file_bytes_max)


async def _receive(request: Request[Any, Any, Any], arriving: "Arriving[R]", file_bytes_max: int) -> R:
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    length = declared_length(request)
    try:
        match kind.lower():
            case "multipart/form-data":
                _check_length(length, file_bytes_max + FORM_BYTES_MAX)
                await _read_form(request, arriving, parameters.get("boundary", ""))
            case bare if bare in BARE:
                _check_charset(parameters.get("charset", "utf-8"))
                _check_length(length, file_bytes_max)
                await arriving.begin(_name_in_headers(request) or f"upload.{BARE[bare]}")
                async for chunk in chunks_of(request):
                    await arriving.write(chunk)
            case _:
                what = f"a file cannot be sent as {kind[:80] or 'nothing in particular'}"
                fix = f"send it as the field `file` of multipart/form-data, or bare as {', '.join(BARE)}"
                raise Refused("content_type_unsupported", what, where="header Content-Type", fix=fix)
        return await arriving.complete()
    finally:
        await arriving.discard()


class Arriving(Generic[R]):
    """An upload as seen from the event loop: every touch of the disk happens in a thread, a MiB at a time."""

    def __init__(
        self, begin: Callable[[Options], Upload], complete: Callable[[Upload, str, Options], R], options: Options
    ) -> None:
        self.options = options
        self._begin, self._complete = begin, complete
        self._upload: Upload | None = None
        self._name = ""
        self._waiting = bytearray()

    @property
    def begun(self) -> bool:
        """Has the file itself begun?"""
        return self._upload is not None

    async def begin(self, name: str) -> None:
        """The file begins."""
        self._name = name
        self._upload = await asyncio.to_thread(self._begin, self.options)

    async def write(self, chunk: bytes) -> None:
        """Its next bytes. Raises FileRefused."""
        self._waiting += chunk
        if len(self._waiting) >= CHUNK_BYTES:
            await self._flush()

    async def complete(self) -> R:
        """Its end. Raises what the use case raises."""
        if self._upload is None:
            fix = "send the file in the field `file`, as in curl -F file=@jobs.csv"
            raise Refused("file_field_missing", "the form holds no file", where="field file", fix=fix)
        await self._flush()
        return await asyncio.to_thread(self._complete, self._upload, self._name, self.options)

    async def discard(self) -> None:
        """Leave nothing behind; harmless after the end."""
        if self._upload is not None:
            await asyncio.shield(asyncio.to_thread(self._upload.discard))

    async def _flush(self) -> None:
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if waiting and self._upload is not None:
            await asyncio.to_thread(self._upload.write, waiting)


async def chunks_of(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises Refused: `upload_broken_off`."""
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException:  # What the framework makes of a client that went away: no fault of ours.
        raise Refused("upload_broken_off", "the connection was lost before the end of the file") from None


async def _read_form(request: Request[Any, Any, Any], arriving: Arriving[Any], boundary: str) -> None:
    """Walk through the parts as they arrive; the file goes to disk, the few other fields stay small."""
    part, value = None, bytearray()
    try:
        parser = PushMultipartParser(boundary, max_segment_count=PARTS_MAX, strict=True)
        async for chunk in chunks_of(request):
            for event in parser.parse(chunk) if chunk else ():
                if isinstance(event, MultipartSegment):
                    part, value = event, bytearray()
                    if part.name == "file":
                        await _begin_file(arriving, part)
                elif part is None:
                    continue
                elif event is not None and part.name == "file":
                    await arriving.write(event)
                elif event is not None:
                    value += event
                    if len(value) > FIELD_BYTES_MAX:
                        raise _field(part.name, f"is longer than {FIELD_BYTES_MAX:,} bytes", "shorten it")
                elif part.name != "file":
                    arriving.options = _with_field(arriving, str(part.name), value.decode("utf-8", "replace").strip())
        parser.close()
    except MultipartError as error:
        what, fix = f"the form cannot be read: {error}", "send multipart/form-data as browsers and curl -F do"
        raise Refused("multipart_malformed", what, where="request body", fix=fix) from None


async def _begin_file(arriving: Arriving[Any], part: MultipartSegment) -> None:
    if arriving.begun:
        raise _field("file", "is there twice", "send one file a request")
    await arriving.begin(plain_name(part.filename or "") or "upload.csv")


def _with_field(arriving: Arriving[Any], name: str, text: str) -> Options:
    options = arriving.options
    match name:
        case "profile" if arriving.begun and text not in ("", options.profile):
            raise _field(name, "comes behind the file", "put it before the file, or into the query")
        case "profile":
            return msgspec.structs.replace(options, profile=text or options.profile)
        case "error_threshold_percent" if text:
            if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII):
                raise _field(name, "is not a whole number", "use a whole per cent from 0 to 100")
            return msgspec.structs.replace(options, error_threshold_percent=int(text))
        case "force":
            if text.lower() not in _TRUE | _FALSE:
                raise _field(name, "is neither true nor false", "use true or false")
            return msgspec.structs.replace(options, force=text.lower() in _TRUE)
        case "priority" if text:
            if text not in set(Priority):
                raise _field(name, "is no priority", f"use one of {', '.join(Priority)}")
            return msgspec.structs.replace(options, priority=Priority(text))
        case _:
            return options  # A button, or a field left empty.


def _field(name: str, what: str, fix: str) -> Refused:
    return Refused("field_invalid", f"the field {name[:80]} {what}", where=f"field {name[:80]}", fix=fix)


def _check_length(length: int, most: int) -> None:
    if length > most:
        what = f"the request holds {length:,} bytes and {most:,} are allowed"
        raise Refused("file_too_large", what, where="header Content-Length", fix="split it into smaller files")


def _check_charset(charset: str) -> None:
    if charset.lower().replace("_", "-") not in {"utf-8", "utf8", "us-ascii"}:
        what, fix = f"text in {charset[:40]} is not supported", "save the file as CSV UTF-8"
        raise Refused("content_type_unsupported", what, where="header Content-Type", fix=fix)


def declared_length(request: Request[Any, Any, Any]) -> int:
    """The bytes that the client says it sends; 0 where it does not say."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _name_in_headers(request: Request[Any, Any, Any]) -> str:
    if name := request.headers.get("x-file-name"):
        return plain_name(unquote(name))
    if disposition := request.headers.get("content-disposition"):
        return plain_name(parse_content_disposition(disposition)[2] or "")
    return ""


def plain_name(name: str) -> str:
    """The name of a file without folders and control characters, at most 200 characters; it may be empty."""
    last = re.split(r"[/\\]", name)[-1]
    printable: Callable[[str], bool] = str.isprintable
    return "".join(filter(printable, last)).strip()[:NAME_CHARACTERS_MAX]
