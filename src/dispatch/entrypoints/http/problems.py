"""Errors as Problem Details (RFC 9457): the handlers that make one of every error."""

import traceback
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from dispatch.application.intake.profiles import ProfileUnknown
from dispatch.application.intake.refused import FileRefused
from dispatch.application.ports.ledger import LedgerUnavailable, VersionConflict
from dispatch.application.ports.privacy import KeyMissing
from dispatch.application.ports.queries import ViewsUnavailable
from dispatch.domain.errors import DomainError
from dispatch.entrypoints.http.dashboard.page import render_problem
from dispatch.entrypoints.http.envelope import request_id
from dispatch.entrypoints.http.problem import MEDIA_TYPE, RETRY_AFTER_S, FieldProblem, Problem, Refused
from dispatch.entrypoints.http.problem_kinds import BY_STATUS, FIXES, KINDS

log = structlog.get_logger(__name__)


def problem(
    request: Request[Any, Any, Any],
    code: str,
    detail: str,
    *,
    what: str = "",
    where: str = "",
    fix: str = "",
    errors: list[FieldProblem] | None = None,
    status: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Any]:
    """The answer for one problem: JSON, or for a browser that opened a page, a page."""
    kind = KINDS[code]
    body = Problem(
        type=f"/problems/{code}",
        title=kind.title,
        status=status or kind.status,
        detail=detail,
        code=code,
        instance=request_id(request.scope),
        what=what,
        where=where,
        fix=fix,
        errors=errors or [],
    )
    if _is_for_people(request):
        return Response(render_problem(body), media_type="text/html", status_code=body.status, headers=headers)
    return Response(body, media_type=MEDIA_TYPE, status_code=body.status, headers=headers)


def _is_for_people(request: Request[Any, Any, Any]) -> bool:
    is_api = request.scope["path"].startswith(("/v1/", "/problems/"))
    return not is_api and "text/html" in request.headers.get("accept", "")


def on_refused(request: Request[Any, Any, Any], error: Refused) -> Response[Any]:
    detail = f"{error.what[:1].upper()}{error.what[1:]}{f' ({error.where})' if error.where else ''}"
    detail = f"{detail}: {error.fix}." if error.fix else f"{detail}."
    return problem(
        request,
        error.code,
        detail,
        what=error.what,
        where=error.where,
        fix=error.fix,
        errors=error.errors,
        headers=error.headers,
    )


def on_file_refused(request: Request[Any, Any, Any], error: FileRefused) -> Response[Any]:
    return problem(request, error.code, str(error), what=error.what, where=error.where, fix=error.fix)


def on_domain_error(request: Request[Any, Any, Any], error: DomainError) -> Response[Any]:
    return problem(request, error.code, str(error), fix=FIXES.get(error.code, ""))


def on_profile_unknown(request: Request[Any, Any, Any], error: ProfileUnknown) -> Response[Any]:
    return problem(request, "profile_unknown", f"{str(error)[:1].upper()}{str(error)[1:]}.")


def on_unavailable(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.warning("http.unavailable", request_id=request_id(request.scope), error=type(error).__name__)
    detail = "Postgres does not answer. Nothing is known to be recorded; sending the same request again is safe."
    return problem(request, "ledger_unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def on_key_missing(request: Request[Any, Any, Any], _: KeyMissing) -> Response[Any]:
    log.error("http.key_missing", request_id=request_id(request.scope))
    detail = "The master key of personal data is not here, so nothing personal can be stored or read."
    fix = "bring it back from where its copy is kept, then send the same request again"
    return problem(request, "not_ready", detail, fix=fix, headers={"Retry-After": str(RETRY_AFTER_S)})


def on_conflict(request: Request[Any, Any, Any], _: VersionConflict) -> Response[Any]:
    detail = "Others changed this again and again while the request was carried out. Nothing was recorded: try again."
    return problem(request, "version_conflict", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Errors of the framework: unknown routes, wrong methods, parameters that do not fit."""
    status = error.status_code
    code = BY_STATUS.get(status, "request_invalid" if status < 500 else "internal_error")
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() != "content-type"}
    match code:
        case "not_found":
            detail, fix = f"There is no resource at {request.scope['path']}.", "see /schema/openapi.json"
        case "method_not_allowed":
            detail, fix = f"{request.method} is not possible here.", f"use {_allowed(headers)}"
        case _:
            detail, fix = error.detail if status < 500 else KINDS[code].title, ""
    return problem(
        request, code, detail, fix=fix, errors=_field_problems(error.extra), status=status, headers=headers or None
    )


def _allowed(headers: dict[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "allow"), "another method")


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A bug. The log gets where it happened and not what the exception says, which may be personal data."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    identity = request_id(request.scope)
    log.error("http.failed", request_id=identity, error=type(error).__name__, frames=frames[-12:])
    detail = f"This is a fault of ours, and it is in the log under the request id {identity}."
    return problem(request, "internal_error", detail)


def _field_problems(extra: object) -> list[FieldProblem]:
    if not isinstance(extra, list):
        return []
    return [
        FieldProblem(f"{_source(found)}/{found.get('key', '')}", str(found.get("message", "")))
        for found in extra
        if isinstance(found, dict)
    ]


def _source(found: dict[str, Any]) -> str:
    source = found.get("source", "body")
    return str(getattr(source, "value", source))


HANDLERS: ExceptionHandlersMap = {
    Refused: on_refused,
    FileRefused: on_file_refused,
    DomainError: on_domain_error,
    ProfileUnknown: on_profile_unknown,
    LedgerUnavailable: on_unavailable,
    ViewsUnavailable: on_unavailable,
    VersionConflict: on_conflict,
    KeyMissing: on_key_missing,
    HTTPException: on_http_exception,
    Exception: on_exception,
}
