"""Whatever goes wrong is a Problem Details object, whatever is answered carries the headers, and no person shows."""

import ast
from pathlib import Path

import pytest
from http_door import CANARIES, Door, as_csv, assert_problem, row, rows

import dispatch
from dispatch.domain.errors import DomainError
from dispatch.entrypoints.http.envelope import CONTENT_SECURITY_POLICY
from dispatch.entrypoints.http.problem_kinds import BY_STATUS, KINDS

SRC = Path(dispatch.__file__).parent


@pytest.mark.postgres
async def test_what_is_not_there_is_404(door: Door):
    for path in ("/v1/nothing", "/nothing", "/v1/batches/not-an-id", "/schema/swagger", "/assets/x.js"):
        problem = assert_problem(await door.client.get(path), 404, "not_found")
        assert problem["detail"]


@pytest.mark.postgres
async def test_a_wrong_method_is_405_and_names_the_right_ones(door: Door):
    answer = await door.client.delete("/v1/batches")
    problem = assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]
    assert "POST" in problem["fix"]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/batches?limit=101", "query/limit"),
        ("/v1/batches?limit=0", "query/limit"),
        ("/v1/jobs?limit=ten", "query/limit"),
        ("/v1/jobs?status=lost", "query/status"),
        ("/v1/jobs?batch_id=7", "query/batch_id"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_named(door: Door, path: str, pointer: str):
    problem = assert_problem(await door.client.get(path), 400, "request_invalid")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.postgres
@pytest.mark.parametrize("cursor", ["!", "abc", "bnVsbA", "IjIwMjYi", "e30", "ü"])
async def test_a_cursor_that_is_not_ours_is_refused(door: Door, cursor: str):
    for path in ("/v1/batches", "/v1/jobs"):
        assert_problem(await door.client.get(path, params={"cursor": cursor}), 400, "cursor_invalid")


@pytest.mark.postgres
async def test_a_bug_is_500_with_nothing_of_the_exception(door: Door, monkeypatch: pytest.MonkeyPatch):
    def broken(**_: object) -> None:
        raise RuntimeError(f"on the row of {CANARIES[0]}")

    monkeypatch.setattr(door.app.queries, "job_totals", broken)
    answer = await door.client.get("/v1/pipeline", headers={"X-Request-Id": "my-request-7"})
    problem = assert_problem(answer, 500, "internal_error")
    assert problem["instance"] == "my-request-7"
    assert CANARIES[0] not in answer.text
    assert "RuntimeError" not in answer.text
    page = await door.client.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "Something broke in dispatch" in page.text


@pytest.mark.postgres
async def test_another_site_cannot_act_through_a_browser(door: Door):
    for path in ("/v1/batches", "/batches"):
        answer = await door.client.post(
            path, files={"file": ("a.csv", as_csv(rows(1, prefix="CROSS")))}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert_problem(answer, 403, "cross_site_request")
    assert (await door.client.get("/v1/batches", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200


@pytest.mark.postgres
@pytest.mark.acceptance("4.16", part="CORS: no other site is given anything, and a preflight gets no permission")
@pytest.mark.parametrize("path", ["/v1/batches", "/v1/intake/crm", "/livez", "/", "/metrics"])
async def test_no_other_site_is_given_an_answer(door: Door, path: str):
    other = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS", "POST"):
        answer = await door.client.request(method, path, headers=other | {"Sec-Fetch-Site": "cross-site"})
        assert [name for name in answer.headers if name.startswith("access-control-")] == []


@pytest.mark.postgres
async def test_every_answer_carries_a_request_id_and_the_security_headers(door: Door):
    paths = [
        "/",
        "/v1/batches",
        "/livez",
        "/readyz",
        "/metrics",
        "/schema/openapi.json",
        "/nothing",
        "/problems/no_rows",
    ]
    for path in paths:
        answer = await door.client.get(path)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY, path
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 32
        assert "server" not in answer.headers
    given = await door.client.get("/livez", headers={"X-Request-Id": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    bad = await door.client.get("/livez", headers={"X-Request-Id": "a b<script>"})
    assert len(bad.headers["x-request-id"]) == 32


@pytest.mark.postgres
async def test_the_type_of_every_problem_resolves(door: Door):
    for code, kind in KINDS.items():
        assert (await door.client.get(f"/problems/{code}")).json()["title"] == kind.title


@pytest.mark.postgres
@pytest.mark.acceptance("S.10", part="no personal data in answers and logs of the HTTP door")
@pytest.mark.acceptance("1.11", part="no personal data in what the views show")
async def test_no_person_shows_anywhere(own_door: Door, capfd: pytest.CaptureFixture[str]):
    """The canary's name, phone and e-mail stand in good rows, refused rows, a job before a person, and nowhere here."""
    bad = [row("BAD-1", phone="7700 900461 (Zenobia)"), row("BAD-2", email="zenobia at canary.example")]
    batch_id = await own_door.take_in(as_csv([*rows(30), *bad]))
    ids = await own_door.job_ids(batch_id)
    await own_door.escalate(ids[0])
    await own_door.client.post(f"/v1/jobs/{ids[1]}/cancel")
    await own_door.project()
    paths = [
        "/", f"/?batch={batch_id}&status=escalated", "/v1/batches", f"/v1/batches/{batch_id}",
        f"/v1/batches/{batch_id}/errors", f"/batches/{batch_id}/errors.csv", "/v1/jobs", "/v1/escalations",
        "/v1/pipeline", "/metrics", "/readyz", "/livez", *(f"/v1/jobs/{job_id}" for job_id in ids[:3]),
    ]  # fmt: skip
    for path in paths:
        answer = await own_door.client.get(path)
        assert answer.status_code == 200, path
        assert [canary for canary in CANARIES if canary in answer.text] == [], path
    async with own_door.client.stream("GET", "/live?position=0") as stream:
        received = ""
        async for line in stream.aiter_lines():
            received += line
            if line.startswith("id:"):
                received = ""
            if not line and "BAD" not in received and "data-fragment" in received:
                break
    assert [canary for canary in CANARIES if canary in received] == []
    refused = await own_door.upload(as_csv(rows(1)) + b'"Zenobia,7700900461')
    assert refused.status_code == 422
    logged = "".join(capfd.readouterr())
    assert [canary for canary in CANARIES if canary in refused.text + logged] == []


def subclasses(kind: type[DomainError]) -> set[type[DomainError]]:
    return {kind}.union(*(subclasses(below) for below in kind.__subclasses__()))


def refusal_codes() -> set[str]:
    """The first argument of every `FileRefused(...)` in the application."""
    calls = [
        node
        for path in (SRC / "application").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "FileRefused"
    ]
    return {ast.literal_eval(call.args[0]) for call in calls if call.args and isinstance(call.args[0], ast.Constant)}


def test_every_rule_and_every_refusal_has_a_status():
    rules = {
        kind.code
        for kind in subclasses(DomainError)
        if kind.__module__.startswith("dispatch.domain.") and kind is not DomainError
    }
    assert len(rules) > 8
    assert rules <= KINDS.keys()
    refusals = refusal_codes()
    assert len(refusals) > 10
    assert refusals <= KINDS.keys()
    assert set(BY_STATUS.values()) <= KINDS.keys()
    assert all(400 <= kind.status < 600 and kind.title for kind in KINDS.values())
