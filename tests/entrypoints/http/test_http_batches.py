"""Sending files over HTTP, and what can be seen of them."""

import asyncio
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from http_door import CSV, Door, as_csv, assert_problem, open_door, row, rows

pytestmark = pytest.mark.postgres


@pytest.mark.acceptance("1.26")
async def test_a_file_is_taken_with_202_and_shows_at_its_location_at_once(door: Door):
    answer = await door.upload(as_csv(rows(5, prefix="A")), name="../april jobs.csv")
    assert answer.status_code == 202
    assert answer.headers["retry-after"] == "2"
    location = answer.headers["location"]
    assert location == f"/v1/batches/{answer.json()['batch_id']}"

    at_once = (await door.client.get(location)).json()
    assert (at_once["status"], at_once["state"], at_once["message"]) == ("uploaded", "processing", None)
    assert at_once["file_name"] == "april jobs.csv"

    await asyncio.to_thread(door.app.admit, answer.json()["batch_id"])
    await door.project()
    batch = (await door.client.get(location)).json()
    assert (batch["rows"], batch["accepted"], batch["jobs"], batch["rejected"]) == (5, 5, 5, 0)
    assert batch["message"] == {"state": "success", "text": "Batch Complete. 5 Rows Ingested.", "colour": "green"}
    assert batch["rows_per_s"] > 0
    assert {stage["stage"] for stage in batch["stages"]} == {"validate"}


@pytest.mark.acceptance("1.01", part="the same content again is answered with the first batch")
async def test_the_same_content_again_is_answered_with_the_first_batch(door: Door):
    content = as_csv(rows(3, prefix="B"))
    batch_id = await door.take_in(content)
    again = await door.upload(content, name="other.csv")
    assert again.status_code == 200
    assert again.headers["location"] == f"/v1/batches/{batch_id}"
    assert "retry-after" not in again.headers
    body = again.json()
    assert (body["duplicate"], body["batch_id"], body["batch"]["rows"]) == (True, batch_id, 3)


@pytest.mark.acceptance("X7", part="over HTTP")
async def test_a_forced_import_is_a_new_batch_that_keeps_the_hash(door: Door):
    content = as_csv(rows(3, prefix="C"))
    first = (await door.upload(content)).json()
    forced = await door.upload(content, force="true")
    assert forced.status_code == 202
    assert forced.json()["batch_id"] != first["batch_id"]
    assert forced.json()["file_hash"] == first["file_hash"]
    assert (await door.upload(content)).json()["batch_id"] == first["batch_id"]


async def test_a_form_is_taken_like_a_bare_file(door: Door):
    content = as_csv(rows(4, prefix="D"))
    bare = (await door.upload(content)).json()
    answer = await door.client.post(
        "/v1/batches",
        files={"file": ("form.csv", content, "text/csv")},
        data={"profile": "service-job", "error_threshold_percent": "25", "force": "on"},
    )
    assert answer.status_code == 202
    batch = (await door.client.get(answer.headers["location"])).json()
    assert (batch["file_hash"], batch["file_name"]) == (bare["file_hash"], "form.csv")
    assert (batch["error_threshold_percent"], batch["run"]) == (25, 2)


async def test_a_file_of_many_chunks_arrives_whole(door: Door):
    content = as_csv(rows(20_000, prefix="LONG"))
    assert len(content) > 2_000_000
    taken = (await door.upload(content)).json()
    batch = (await door.client.get(taken["location"])).json()
    assert batch["file_bytes"] == len(content)


@pytest.mark.acceptance("1.28")
@pytest.mark.acceptance("1.02", part="the reason of a rejection")
async def test_a_broken_budget_refuses_the_whole_file_and_says_the_rate(door: Door):
    batch_id = await door.take_in(as_csv(rows(20, bad=3, prefix="E")))
    batch = (await door.client.get(f"/v1/batches/{batch_id}")).json()
    assert batch["status"] == "rejected"
    assert batch["rejection_reason"] == "Error rate 15.0% exceeded threshold 10%"
    assert batch["message"]["text"] == "Batch Rejected. Error Rate 15% > 10% Budget."
    assert batch["message"]["state"] == "error"
    assert batch["jobs"] == 0
    assert await door.job_ids(batch_id) == []


@pytest.mark.acceptance("1.27")
async def test_errors_within_the_budget_are_warnings_and_can_be_fetched(door: Door):
    batch_id = await door.take_in(as_csv(rows(20, bad=2, prefix="F")), error_threshold_percent=10)
    batch = (await door.client.get(f"/v1/batches/{batch_id}")).json()
    assert batch["message"]["text"] == "Batch Complete with Warnings. 18 Ingested, 2 Errors."
    assert batch["errors_by_code"] == {"invalid_money": 2, "invalid_postcode": 2}

    page = (await door.client.get(f"/v1/batches/{batch_id}/errors", params={"limit": 3})).json()
    assert [error["row"] for error in page["items"]] == [19, 19]
    rest = (await door.client.get(f"/v1/batches/{batch_id}/errors", params={"limit": 3, "cursor": page["next"]})).json()
    assert [error["row"] for error in rest["items"]] == [20, 20]
    assert rest["next"] == ""
    one = (await door.client.get(f"/v1/batches/{batch_id}/errors", params={"limit": 1})).json()
    assert [error["row"] for error in one["items"]] == [19, 19], "a row is never cut in two"


@pytest.mark.acceptance("1.30", part="the file behind Download All CSV")
@pytest.mark.acceptance("S.08", part="the columns of the error report")
async def test_the_error_report_is_csv_that_no_spreadsheet_runs(door: Door):
    bad = [row("G-1", price="=1+1"), row("G-2", service="@SUM(A1)"), row("G-3", price="＝cmd"), row("G-4")]
    batch_id = await door.take_in(as_csv(bad), error_threshold_percent=100)
    answer = await door.client.get(f"/v1/batches/{batch_id}/errors", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="errors-{batch_id[:8]}.csv"'
    read = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert list(read[0]) == ["row_number", "field", "error_type", "error_message", "raw_value"]
    assert [(line["row_number"], line["field"], line["error_type"], line["raw_value"]) for line in read] == [
        ("1", "price", "invalid_money", "'=1+1"),
        ("2", "service", "unknown_choice", "'@xxx(x9)"),
        ("3", "price", "invalid_money", "'＝cmd"),
    ]
    assert answer.content.count(b"\r\n") == 4
    assert (await door.client.get(f"/batches/{batch_id}/errors.csv")).content == answer.content


@pytest.mark.acceptance("S.05", part="pages of batches")
async def test_batches_come_in_pages_newest_first(own_door: Door):
    ids = [await own_door.take_in(as_csv(rows(1, prefix=f"P{n}"))) for n in range(5)]
    seen: list[str] = []
    answer = await own_door.client.get("/v1/batches", params={"limit": 2})
    while True:
        page = answer.json()
        assert len(page["items"]) <= 2
        seen += [batch["batch_id"] for batch in page["items"]]
        if not page["next"]:
            assert "link" not in answer.headers
            break
        answer = await own_door.client.get(answer.links["next"]["url"])
    assert seen == ids[::-1]


@contextmanager
def nothing_written(door: Door) -> Iterator[None]:
    """Neither the ledger nor the folder of files is changed by the block."""
    before = everything_written(door)
    yield
    assert everything_written(door) == before


def everything_written(door: Door) -> tuple[int, set[Path]]:
    files = {path for path in (door.app.settings.data / "files").rglob("*") if path.is_file()}
    return door.app.ledger.head(), files


BROKEN = {
    "an empty file": (b"", 422, "file_empty"),
    "a file of blanks": (b" \r\n\r\n", 422, "file_empty"),
    "a file without a header": (b"J1,boiler_service,95\nJ2,tap_replacement,80\n", 422, "header_missing"),
    "a header and no row": (as_csv([]), 422, "no_rows"),
    "a wrong delimiter": (as_csv(rows(2)).replace(b",", b"^"), 422, "delimiter_unknown"),
    "cp1252 bytes": (as_csv(rows(2)) + "J9,boiler_service,£95,Zoë".encode("cp1252"), 422, "encoding_not_utf8"),
    "utf-16": (as_csv(rows(2)).decode().encode("utf-16"), 422, "encoding_not_utf8"),
    "an unclosed quote": (as_csv(rows(2)) + b'J9,"boiler_service,95\nJ10,x,1\n', 422, "quote_unclosed"),
    "a NUL byte": (as_csv(rows(2)) + b"J9,\0", 422, "nul_byte"),
    "a line of 3 MB": (as_csv(rows(1)) + b"x" * 3_000_000, 422, "line_too_long"),
    "a missing column": (b"reference,service\nJ1,boiler_service\n", 422, "columns_missing"),
    "a column twice": (
        b"reference,service,price,cost,customer_name,postcode\n1,2,3,4,5,6\n",
        422,
        "columns_duplicated",
    ),
}


@pytest.mark.parametrize("as_form", [False, True], ids=["bare", "form"])
@pytest.mark.parametrize("name", BROKEN)
async def test_a_file_that_cannot_be_taken_is_refused_and_nothing_is_written(door: Door, name: str, as_form: bool):
    content, status, code = BROKEN[name]
    with nothing_written(door):
        if as_form:
            answer = await door.client.post("/v1/batches", files={"file": ("bad.csv", content, "text/csv")})
        else:
            answer = await door.upload(content)
    problem = assert_problem(answer, status, code)
    assert problem["what"]
    assert problem["where"]
    assert problem["fix"]


@pytest.mark.acceptance("S.08", part="the size limit")
@pytest.mark.parametrize("as_form", [False, True], ids=["bare", "form"])
@pytest.mark.parametrize("says_length", [True, False], ids=["announced", "chunked"])
async def test_a_file_over_the_limit_is_refused_with_413(database_url, tmp_path, as_form, says_length):
    async with open_door(database_url, tmp_path, file_bytes_max=200_000) as door:
        content = as_csv(rows(4_000))
        body, headers = content, dict(CSV)
        if as_form:
            body = (
                b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
                + content
                + b"\r\n--edge--\r\n"
            )
            headers = {"Content-Type": "multipart/form-data; boundary=edge"}

        async def pieces():
            for start in range(0, len(body), 50_000):
                yield body[start : start + 50_000]

        sent = body if says_length else pieces()
        with nothing_written(door):
            answer = await door.client.post("/v1/batches", content=sent, headers=headers)
        assert_problem(answer, 413, "file_too_large")
        assert (await door.upload(as_csv(rows(3)))).status_code == 202, "the server goes on"


@pytest.mark.parametrize(
    ("headers", "body", "query", "status", "code"),
    [
        ({"Content-Type": "application/pdf"}, b"{}", {}, 415, "content_type_unsupported"),
        ({"Content-Type": "text/csv; charset=windows-1252"}, as_csv(rows(1)), {}, 415, "content_type_unsupported"),
        ({}, b"", {}, 415, "content_type_unsupported"),
        (CSV, as_csv(rows(1)), {"profile": "spaceship"}, 422, "profile_unknown"),
        (CSV, as_csv(rows(1)), {"error_threshold_percent": "101"}, 400, "request_invalid"),
        (CSV, as_csv(rows(1)), {"error_threshold_percent": "many"}, 400, "request_invalid"),
        (CSV, as_csv(rows(1)), {"force": "perhaps"}, 400, "request_invalid"),
        ({"Content-Type": "multipart/form-data"}, b"", {}, 400, "multipart_malformed"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"nonsense", {}, 400, "multipart_malformed"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--\r\n", {}, 400, "file_field_missing"),
    ],
)
async def test_a_request_that_is_no_upload_is_refused(door: Door, headers, body, query, status, code):
    with nothing_written(door):
        answer = await door.client.post("/v1/batches", content=body, headers=headers, params=query)
    assert_problem(answer, status, code)


@pytest.mark.parametrize(
    ("fields", "code", "status"),
    [
        ([("error_threshold_percent", "101")], "error_threshold_out_of_range", 422),
        ([("error_threshold_percent", "ten")], "field_invalid", 400),
        ([("force", "perhaps")], "field_invalid", 400),
        ([("profile", "spaceship")], "profile_unknown", 422),
        ([("profile", "x" * 2_000)], "field_invalid", 400),
    ],
)
async def test_a_field_of_the_form_that_cannot_be_used_is_named(door: Door, fields, code, status):
    file = {"file": ("a.csv", as_csv(rows(1, prefix="FIELD")), "text/csv")}
    with nothing_written(door):
        answer = await door.client.post("/v1/batches", files=file, data=dict(fields))
    assert_problem(answer, status, code)


async def test_a_second_file_and_a_profile_behind_the_file_are_refused(door: Door):
    content = as_csv(rows(1, prefix="TWICE"))
    two = [("file", ("a.csv", content)), ("file", ("b.csv", content))]
    late = [("file", ("a.csv", content)), ("profile", (None, "other"))]
    with nothing_written(door):
        assert_problem(await door.client.post("/v1/batches", files=two), 400, "field_invalid")
        problem = assert_problem(await door.client.post("/v1/batches", files=late), 400, "field_invalid")
    assert "before the file" in problem["fix"]


async def test_an_upload_that_breaks_off_leaves_nothing(door: Door):
    host, port = door.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 9000000\r\n\r\n"
    uploads = door.app.settings.data / "files" / "uploads"
    with nothing_written(door):
        writer.write(head + as_csv(rows(20_000, prefix="BROKEN")))
        await writer.drain()
        async with asyncio.timeout(10):
            while not list(uploads.iterdir()):
                await door.client.get("/livez")
            writer.close()
            while list(uploads.iterdir()):
                await door.client.get("/livez")
    metrics = (await door.client.get("/metrics")).text
    assert 'route="/v1/batches",status="500"' not in metrics, "a client that goes away is no fault of ours"


async def test_a_batch_that_does_not_exist_is_404(door: Door):
    unknown = "00000000-0000-8000-8000-000000000000"
    for path in (f"/v1/batches/{unknown}", f"/v1/batches/{unknown}/errors"):
        problem = assert_problem(await door.client.get(path), 404, "batch_unknown")
        assert unknown in problem["where"]
