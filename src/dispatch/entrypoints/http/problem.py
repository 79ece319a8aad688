"""Problem Details (RFC 9457): one answer for every status that is not a success, and how a door refuses."""

import msgspec
from litestar.openapi.datastructures import ResponseSpec

from dispatch.entrypoints.http.problem_kinds import KINDS

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


class FieldProblem(msgspec.Struct, frozen=True):
    """One parameter or field that is wrong."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong, for machines by `code`, for people by `detail`: what, where, and how to fix it."""

    type: str
    """`/problems/` and the code: a page that says what it means."""
    title: str
    status: int
    detail: str
    code: str
    instance: str
    """The request id, as in the header X-Request-Id and in the log."""
    what: str = ""
    where: str = ""
    fix: str = ""
    errors: list[FieldProblem] = []


class Refused(Exception):
    """A request that a door refuses, by a code of `KINDS`."""

    def __init__(
        self,
        code: str,
        what: str,
        *,
        where: str = "",
        fix: str = "",
        headers: dict[str, str] | None = None,
        errors: list[FieldProblem] | None = None,
    ) -> None:
        super().__init__(code, what)
        self.code, self.what, self.where, self.fix, self.headers = code, what, where, fix, headers
        self.errors = errors or []


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """For the OpenAPI document: these statuses, and those that any request can meet, are Problem Details."""
    return {
        status: ResponseSpec(Problem, media_type=MEDIA_TYPE, generate_examples=False, description=_described(status))
        for status in sorted({*statuses, 400, 429, 500, 503})
    }


def _described(status: int) -> str:
    return "; ".join(f"`{code}`: {kind.title}" for code, kind in KINDS.items() if kind.status == status)
