"""The live page: complete without scripts, kept up to date by fragments."""

import asyncio
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from http_door import Door, as_csv, assert_problem, rows

from dispatch.application.routes import find_routes
from dispatch.entrypoints.http.dashboard import live
from dispatch.entrypoints.http.dashboard.page import ERRORS_SHOWN, FRAGMENTS

pytestmark = pytest.mark.postgres
HTML = {"Accept": "text/html"}
HERE = Path(live.__file__).parent


class Reader(HTMLParser):
    """The ids, texts and attributes of a page; complains about tags that do not pair up."""

    VOID = frozenset({"meta", "link", "input", "rect", "br", "wbr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(html)
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag, f"</{tag}> does not fit"

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_empty_page_says_how_to_start(own_door: Door):
    page = await own_door.client.get("/", headers=HTML)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    read = Reader(page.text)
    assert "No batches yet." in read.text
    assert "dispatch batch upload samples/service-jobs.csv" in read.text
    assert "Nobody has to decide anything" in read.text


async def test_each_route_is_a_row_of_its_own_in_its_order(own_door: Door):
    page = (await own_door.client.get("/", headers=HTML)).text.replace("<wbr>", "")
    rows = re.findall(r'<h3 id="route-[a-z-]+">([a-z-]+)</h3>\s*<ol class="stages"(.*?)</ol>', page, re.DOTALL)
    shown = {name: tuple(re.findall(r'class="name">([a-z_]+)<', row)) for name, row in rows}
    assert shown == {name: route.stages for name, route in find_routes().items()}
    assert "of all routes" in rows[0][1].partition(">confirm<")[2], "what is at a shared stage came by any of them"
    assert "of all routes" not in rows[0][1].partition(">promote_company<")[0]


@pytest.mark.acceptance("1.29")
@pytest.mark.acceptance("1.30")
@pytest.mark.acceptance("1.27")
async def test_a_batch_shows_its_message_its_times_its_first_errors_and_its_jobs(door: Door):
    batch_id = await door.take_in(as_csv(rows(40, bad=4, prefix="PAGE")))
    ids = await door.job_ids(batch_id)
    await door.escalate(ids[3])
    page = await door.client.get(f"/?batch={batch_id}", headers=HTML)
    read = Reader(page.text)
    assert "Batch Complete with Warnings. 36 Ingested, 4 Errors." in read.text
    assert 'class="message partial"' in page.text
    for metric in ("Parse Time", "DB Time", "Throughput"):
        assert metric in read.text
    first, _, rest = page.text.partition('<details id="more-errors">')
    assert first.count('<td data-label="error">') == ERRORS_SHOWN
    assert rest.count('<td data-label="error">') == 8 - ERRORS_SHOWN
    assert f"/batches/{batch_id}/errors.csv" in page.text
    assert "Download All CSV" in read.text
    assert "PAGE-00001" in read.text
    assert len(set(read.ids)) == len(read.ids)
    assert set(FRAGMENTS) <= set(read.ids)

    only = await door.client.get(f"/?batch={batch_id}&status=escalated", headers=HTML)
    assert "PAGE-00004" in only.text
    assert "PAGE-00001" not in only.text


async def test_jobs_are_turned_over_page_by_page(door: Door):
    batch_id = await door.take_in(as_csv(rows(30, prefix="TURN")))
    first = (await door.client.get(f"/?batch={batch_id}", headers=HTML)).text
    target = re.search(r'href="([^"#]*after=[^"#]*)#jobs">Next page', first)
    assert target is not None
    second = (await door.client.get(target[1].replace("&amp;", "&"), headers=HTML)).text
    assert "TURN-00001" in first
    assert "TURN-00030" not in first
    assert "TURN-00030" in second
    assert "Next page" not in second


@pytest.mark.acceptance("1.28")
async def test_a_rejected_file_says_so_without_colour_alone(door: Door):
    batch_id = await door.take_in(as_csv(rows(20, bad=3, prefix="RED")))
    text = Reader((await door.client.get(f"/?batch={batch_id}", headers=HTML)).text).text
    assert "Batch Rejected. Error Rate 15% > 10% Budget." in text
    assert "Nothing was admitted" in text


@pytest.mark.acceptance("S.08", part="a duplicate shows the first batch, and can be imported anyway")
async def test_the_form_uploads_without_scripts_and_a_duplicate_shows_the_first_batch(door: Door):
    file = {"file": ("form.csv", as_csv(rows(3, prefix="FORM")), "text/csv")}
    sent = await door.client.post("/batches", files=file, data={"error_threshold_percent": ""}, headers=HTML)
    assert sent.status_code == 303
    batch_id = re.fullmatch(r"/\?batch=([0-9a-f-]{36})", sent.headers["location"])[1]  # type: ignore[index]
    assert "Reading and judging every row" in (await door.client.get(sent.headers["location"], headers=HTML)).text
    again = await door.client.post("/batches", files=file, headers=HTML)
    assert again.headers["location"] == f"/?batch={batch_id}&duplicate=true"
    assert "This file was received before" in (await door.client.get(again.headers["location"])).text
    anyway = await door.client.post("/batches", files=file, data={"force": "true"}, headers=HTML)
    assert batch_id not in anyway.headers["location"]


async def test_a_refused_upload_is_a_page_for_a_browser_and_a_problem_for_a_program(door: Door):
    file = {"file": ("bad.csv", b"J1,boiler_service,95\nJ2,tap,1\n", "text/csv")}
    page = await door.client.post("/batches", files=file, headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (422, "text/html; charset=utf-8")
    text = Reader(page.text).text
    for part in ("The file has no header", "line 1", "put a header first", "header_missing", "Nothing of the file was"):
        assert part in text
    assert_problem(await door.client.post("/batches", files=file), 422, "header_missing")


async def test_an_escalation_is_resumed_by_its_button(door: Door):
    batch_id = await door.take_in(as_csv(rows(2, prefix="BUTTON")))
    [job_id, _] = await door.job_ids(batch_id)
    await door.escalate(job_id)
    page = (await door.client.get("/", headers=HTML)).text
    action = f"/jobs/{job_id}/resume?batch={batch_id}"
    assert f'action="{action}"' in page
    answer = await door.client.post(action)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/?batch={batch_id}#escalations")
    await door.project()
    assert action not in (await door.client.get("/", headers=HTML)).text


@pytest.mark.acceptance("1.24")
@pytest.mark.acceptance("1.25", part="idle, processing, success, error as states of the page")
async def test_without_scripts_the_page_asks_every_two_seconds_while_something_is_on_its_way(own_door: Door):
    refresh = '<noscript><meta http-equiv="refresh" content="2"></noscript>'
    empty = (await own_door.client.get("/", headers=HTML)).text
    assert 'data-state="idle"' in empty
    assert refresh not in empty
    sent = await own_door.upload(as_csv(rows(4, bad=4)))
    await own_door.project()
    taken = (await own_door.client.get("/", headers=HTML)).text
    assert refresh in taken
    assert 'class="message processing"' in taken
    await asyncio.to_thread(own_door.app.admit, sent.json()["batch_id"])
    await own_door.project()
    ended = (await own_door.client.get("/", headers=HTML)).text
    assert 'class="message error"' in ended
    assert refresh not in ended
    assert "const POLL_MS = 2000;" in (HERE / "live.js").read_text()


async def test_names_of_files_are_escaped(door: Door):
    answer = await door.upload(as_csv(rows(1, prefix="XSS")), name="<img src=x onerror=alert(1)>.csv")
    await door.project()
    page = (await door.client.get(f"/?batch={answer.json()['batch_id']}", headers=HTML)).text
    assert "<img" not in page
    assert "&lt;img" in page


async def test_the_page_needs_nothing_inline_and_nothing_from_elsewhere(door: Door):
    page = await door.client.get("/", headers=HTML)
    read = Reader(page.text)
    for tag, name, value in read.attributes:
        assert name != "style", tag
        assert not name.startswith("on"), (tag, name)
        assert not value.startswith(("http:", "https:", "//")), (tag, name, value)
    assert "<style" not in page.text
    assert re.findall(r"<script[^>]*>", page.text) == re.findall(r'<script type="module" src="[^"]+">', page.text)
    for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text):
        answer = await door.client.get(asset)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert "://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert len((HERE / "live.js").read_text().splitlines()) < 150


async def test_an_address_that_cannot_be_is_a_problem(door: Door):
    unknown = "00000000-0000-8000-8000-000000000000"
    assert_problem(await door.client.get(f"/?batch={unknown}"), 404, "batch_unknown")
    for query in ("batch=7", "status=lost", "after=x"):
        assert_problem(await door.client.get(f"/?{query}"), 400, "request_invalid")


async def messages(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    """The messages of a stream, its lines of data joined."""
    message: dict[str, str] = {}
    async for line in lines:
        if not line:
            yield message
            message = {}
            continue
        name, _, value = line.partition(": ")
        message[name] = f"{message[name]}\n{value}" if name in message else value


@pytest.mark.acceptance("2.31", part="changes are pushed to the page")
async def test_the_stream_sends_what_changed_with_the_position_of_the_ledger_as_id(own_door: Door):
    door = own_door
    batch_id = await door.take_in(as_csv(rows(3, prefix="LIVE")))
    position = door.app.ledger.head()
    async with asyncio.timeout(20), door.client.stream("GET", f"/live?batch={batch_id}&position=0") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        arriving = messages(stream.aiter_lines())
        assert "welcome" in (await anext(arriving)).values()
        first = await anext(arriving)
        assert (first["event"], first["id"]) == ("fragments", str(position))
        assert set(Reader(first["data"]).ids) >= set(FRAGMENTS)

        [job_id, *_] = await door.job_ids(batch_id)
        await door.escalate(job_id)
        second = await anext(arriving)
        assert int(second["id"]) == door.app.ledger.head() > position
        changed = set(Reader(second["data"]).ids)
        assert {"escalations", "batch", "totals", "pulse"} <= changed


async def test_a_tab_that_fell_behind_nowhere_is_sent_nothing_anew(own_door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    await own_door.take_in(as_csv(rows(2)))
    headers = {"Last-Event-ID": str(own_door.app.ledger.head())}
    async with own_door.client.stream("GET", "/live?position=0", headers=headers) as stream:
        arriving = messages(stream.aiter_lines())
        heard = [await anext(arriving) for _ in range(60)]
    assert [message for message in heard if "event" in message] == []
    assert any("still here" in message.values() for message in heard)


async def test_there_is_room_for_so_many_streams(own_door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "STREAMS_MAX", 1)
    async with own_door.client.stream("GET", "/live") as stream:
        lines = stream.aiter_lines()  # Held: a generator that nobody holds closes its stream.
        await anext(lines)
        refused = await own_door.client.get("/live")
        assert_problem(refused, 429, "too_many_streams")
        assert refused.headers["retry-after"] == "30"
