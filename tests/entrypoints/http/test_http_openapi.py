"""The OpenAPI document: offline, complete, and the committed copy is the one that is served."""

import json
from pathlib import Path
from typing import Any

import pytest
from http_door import Door

from dispatch.entrypoints.http.app import GIVEN, build
from dispatch.entrypoints.http.openapi import document
from dispatch.entrypoints.http.receiving import BARE

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return dict(json.loads(document(build(dict.fromkeys(GIVEN)))))


def test_the_committed_document_is_the_one_of_this_code(described: dict[str, Any]):
    advice = "run `python tools/openapi_document.py` and look at the difference"
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == described, advice


@pytest.mark.postgres
async def test_the_document_is_served_as_json_and_no_other_page_is(door: Door, described: dict[str, Any]):
    answer = await door.client.get("/schema/openapi.json")
    assert answer.headers["content-type"].startswith("application/vnd.oai.openapi+json")
    assert answer.json() == described
    for page in ("swagger", "redoc", "elements", "rapidoc", "openapi.yaml"):
        assert (await door.client.get(f"/schema/{page}")).status_code == 404


def test_every_error_is_described_as_a_problem(described: dict[str, Any]):
    assert described["openapi"] == "3.1.0"
    operations = [
        operation
        for path in described["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(operations) >= 12
    for operation in operations:
        assert operation["summary"] or operation["description"]
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (operation["operationId"], status)


def test_the_upload_says_what_it_takes(described: dict[str, Any]):
    body = described["paths"]["/v1/batches"]["post"]["requestBody"]
    assert set(body["content"]) == {"multipart/form-data", *BARE}
