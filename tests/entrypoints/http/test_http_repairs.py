"""Mending over HTTP: the rows to correct, corrected rows, undo with its preview, and reset."""

import asyncio
import csv
import io

import pytest
from http_door import CSV, Door, as_csv, assert_problem, row, rows

pytestmark = pytest.mark.postgres
NOBODY = "00000000-0000-8000-8000-000000000000"


async def to_correct(door: Door, batch_id: str) -> list[dict[str, str]]:
    asked = {"form": "corrections"}
    answer = await door.client.get(f"/v1/batches/{batch_id}/errors", params=asked, headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def saved(lines: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, lines[0])
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def mended(lines: list[dict[str, str]]) -> bytes:
    return saved([line | {"price": "95.00", "postcode": "NG9 6QR"} for line in lines])


async def correct(door: Door, batch_id: str, content: bytes, **headers: str):
    return await door.client.post(f"/v1/batches/{batch_id}/corrections", content=content, headers=CSV | headers)


async def take_in(door: Door, batch_id: str) -> dict[str, object]:
    await asyncio.to_thread(door.app.take_in, batch_id)
    await door.project()
    return (await door.client.get(f"/v1/batches/{batch_id}")).json()


@pytest.mark.acceptance("1.30", part="the rows themselves, to be corrected")
@pytest.mark.acceptance("1.15", part="refused rows are mended until the batch is whole")
@pytest.mark.acceptance("1.26", part="after repair")
async def test_rows_come_out_and_back_until_the_batch_is_whole(door: Door):
    batch_id = await door.take_in(as_csv(rows(20, bad=2, prefix="R")))
    lines = await to_correct(door, batch_id)
    assert [(line["row"], line["code"]) for line in lines] == [
        ("19", "invalid_money; invalid_postcode"),
        ("20", "invalid_money; invalid_postcode"),
    ]
    assert lines[0]["customer_name"] == "Zenobia Quillfeather", "the row itself: people cannot mend a shape"

    answer = await correct(door, batch_id, mended(lines[:1]), **{"X-File-Name": "half.csv"})
    assert answer.status_code == 202
    taken = answer.json()
    assert (taken["correction"], taken["rows"], taken["rejudges"], taken["duplicate"]) == (1, 1, False, False)
    assert answer.headers["location"] == taken["location"] == f"/v1/batches/{batch_id}"
    batch = await take_in(door, batch_id)
    assert (batch["rejected"], batch["jobs"], batch["repaired"], batch["corrections_judged"]) == (1, 19, 1, 1)
    assert batch["message"]["text"] == "Batch Complete with Warnings. 19 Ingested, 1 Error."
    page = (await door.client.get("/", params={"batch": batch_id})).text
    assert "<b>1</b> rows mended by corrections." in page
    assert f'href="/batches/{batch_id}/corrections.csv"' in page
    download = await door.client.get(f"/batches/{batch_id}/corrections.csv")
    assert download.headers["content-disposition"] == f'attachment; filename="corrections-{batch_id[:8]}.csv"'
    assert download.headers["cache-control"] == "no-store"

    form = {"file": ("rest.csv", mended(await to_correct(door, batch_id)), "text/csv")}
    assert (await door.client.post(f"/v1/batches/{batch_id}/corrections", files=form)).status_code == 202
    again = await door.client.post(f"/v1/batches/{batch_id}/corrections", files=form)
    assert (again.status_code, again.json()["duplicate"], again.json()["correction"]) == (200, True, 2)
    batch = await take_in(door, batch_id)
    assert (batch["rejected"], batch["jobs"], batch["errors_by_code"]) == (0, 20, {})
    assert batch["message"]["text"] == "Batch Complete. 20 Rows Ingested."
    assert await to_correct(door, batch_id) == []
    assert_problem(await correct(door, batch_id, saved([lines[0] | {"price": "1"}])), 409, "batch_whole")


async def test_a_rejected_batch_is_judged_again_as_a_whole(door: Door):
    batch_id = await door.take_in(as_csv(rows(10, bad=4, prefix="S")))
    answer = await correct(door, batch_id, mended(await to_correct(door, batch_id)))
    assert answer.json()["rejudges"]
    assert (await door.client.get(f"/v1/batches/{batch_id}")).json()["status"] == "rejected", "until it is judged"
    batch = await take_in(door, batch_id)
    assert (batch["status"], batch["jobs"], batch["rejection_reason"]) == ("processing", 10, "")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        (lambda line: {name: text for name, text in line.items() if name != "row"}, 422, "row_column_missing"),
        (lambda line: line | {"row": ""}, 422, "row_number_invalid"),
        (lambda line: line | {"row": "nineteen"}, 422, "row_number_invalid"),
        (lambda line: line | {"notes": "ring twice"}, 422, "column_not_in_file"),
    ],
    ids=["no row column", "no number", "no numeral", "a new column"],
)
async def test_what_cannot_be_taken_is_a_problem_that_says_why(door: Door, changed, status: int, code: str, request):
    prefix = "T" + request.node.callspec.id.replace(" ", "")
    batch_id = await door.take_in(as_csv(rows(20, bad=2, prefix=prefix)))
    lines = await to_correct(door, batch_id)
    problem = assert_problem(await correct(door, batch_id, saved([changed(lines[0])])), status, code)
    assert problem["fix"]
    assert "Zenobia" not in str(problem)


async def test_limits_and_media_types_are_those_of_uploads(door: Door):
    batch_id = await door.take_in(as_csv(rows(20, bad=2, prefix="U")))
    url = f"/v1/batches/{batch_id}/corrections"
    assert_problem(
        await door.client.post(url, content=b"{}", headers={"Content-Type": "application/pdf"}),
        415,
        "content_type_unsupported",
    )
    assert_problem(await door.client.post(url, files={"other": b"x"}), 400, "file_field_missing")
    assert_problem(await correct(door, batch_id, b"", **{"Sec-Fetch-Site": "cross-site"}), 403, "cross_site_request")
    assert_problem(await correct(door, batch_id, b""), 422, "file_empty")
    assert_problem(await correct(door, NOBODY, b""), 404, "batch_unknown")


async def test_without_the_received_file_the_problem_says_how_to_go_on(door: Door):
    batch_id = await door.take_in(as_csv(rows(20, bad=2, prefix="V")))
    content = mended(await to_correct(door, batch_id))
    batch = (await door.client.get(f"/v1/batches/{batch_id}")).json()
    door.app.take_back.files.remove(batch["file_hash"])
    url = f"/v1/batches/{batch_id}/errors"
    gone = await door.client.get(url, params={"form": "corrections"}, headers={"Accept": "text/csv"})
    assert "upload the rows" in assert_problem(gone, 410, "file_gone")["fix"]
    assert_problem(await correct(door, batch_id, content), 410, "file_gone")


@pytest.mark.acceptance("S.08", part="the columns of the error report, as ever beside the file for correction")
async def test_the_report_is_what_comes_without_a_form(door: Door):
    batch_id = await door.take_in(as_csv([row("W-1", price="=1"), row("W-2")]), error_threshold_percent=100)
    url, accept = f"/v1/batches/{batch_id}/errors", {"Accept": "text/csv"}
    plain = await door.client.get(url, headers=accept)
    assert plain.text.startswith('"row_number","field","error_type","error_message","raw_value"')
    assert (await door.client.get(url, params={"form": "report"}, headers=accept)).content == plain.content
    assert_problem(await door.client.get(url, params={"form": "other"}, headers=accept), 400, "request_invalid")
    [line] = await to_correct(door, batch_id)
    assert (line["price"], line["phone"]) == ("'=1", "07700900461")


@pytest.mark.acceptance("S.09", part="rollback of an import, with a preview")
@pytest.mark.acceptance("1.37", part="over HTTP")
@pytest.mark.acceptance("1.38", part="over HTTP")
async def test_an_import_is_taken_back_and_judged_anew(door: Door):
    batch_id = await door.take_in(as_csv(rows(3, prefix="X")))
    await door.escalate(*(await door.job_ids(batch_id))[:1])
    url = f"/v1/batches/{batch_id}"
    preview = (await door.client.get(f"{url}/undo")).json()
    assert (preview["jobs"], preview["cancels"], preview["kept"], preview["kept_jobs"]) == (3, 3, 0, [])
    assert_problem(await door.client.post(f"{url}/reset", json={"reason": "again"}), 409, "batch_has_jobs")
    for refused in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 201}):
        assert_problem(await door.client.post(f"{url}/undo", json=refused), 400, "request_invalid")
    answer = await door.client.post(f"{url}/undo", json={"reason": "the wrong file"})
    assert (answer.status_code, answer.json()["recorded"]) == (202, ["UndoRequested"])
    assert (await door.client.post(f"{url}/undo", json={"reason": "the wrong file"})).json()["recorded"] == []
    batch = await take_in(door, batch_id)
    assert (batch["status"], batch["cancelled"]) == ("undone", 3)
    assert batch["message"]["text"] == "Import Undone. 3 Jobs Cancelled, 0 Kept."
    assert (await door.client.get(f"{url}/undo")).json()["cancelled"] == 3
    reset = await door.client.post(f"{url}/reset", json={"reason": "again", "error_threshold_percent": 5})
    assert reset.json()["recorded"] == ["BatchReset"]
    batch = await take_in(door, batch_id)
    assert (batch["status"], batch["jobs"], batch["cancelled"], batch["resets"]) == ("processing", 3, 0, 1)
    assert (batch["error_threshold_percent"], batch["escalated"], batch["duplicates"]) == (5, 0, 0)


async def test_what_cannot_be_taken_back_says_so(door: Door):
    batch_id = await door.take_in(as_csv(rows(4, bad=4, prefix="Y")))
    for answer in (
        await door.client.get(f"/v1/batches/{batch_id}/undo"),
        await door.client.post(f"/v1/batches/{batch_id}/undo", json={"reason": "x"}),
    ):
        assert_problem(answer, 409, "nothing_to_undo")
    assert_problem(await door.client.get(f"/v1/batches/{NOBODY}/undo"), 404, "batch_unknown")
    assert_problem(await door.client.post(f"/v1/batches/{NOBODY}/reset", json={"reason": "x"}), 404, "batch_unknown")
    out_of_range = {"reason": "x", "error_threshold_percent": 101}
    assert_problem(await door.client.post(f"/v1/batches/{batch_id}/reset", json=out_of_range), 400, "request_invalid")
