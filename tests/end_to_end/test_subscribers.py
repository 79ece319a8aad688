"""Subscribers of a running system: the sample gets every event once, whatever dies, and nothing personal is in any."""

import asyncio
import base64
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import pytest

from dispatch.adapters.nats.connection import connect
from dispatch.adapters.nats.streams import EVENT_STREAM
from dispatch.application.public_events import public_type
from dispatch.domain.job.events import JobEvent, JobOpened
from end_to_end.running import Up, dispatch, eventually, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]

SAMPLE = Path(__file__).parents[2] / "samples" / "subscriber.py"
HEADER = "reference,service,price,customer_name,phone,email,postcode,address,lawful_basis,notes"
EMAIL = "zephyrine.quill@example.org"
CANARY = f"Zephyrine Quillfeather,07700 900777,{EMAIL},NG9 6QR,4 Wrenbury Close,contract,ask for Zephy"
PERSONAL = ("zephyrine", "quillfeather", "900777", "ng9 6qr", "wrenbury", "zephy", "moved away", "canary-file")


class Subscriber:
    """The sample as a process, and what it has printed."""

    def __init__(self, running: Up, folder: Path) -> None:
        self.lines: list[str] = []
        self._command = [sys.executable, str(SAMPLE), str(running.note["nats_url"]), str(folder / "seen.db")]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def ids(self) -> list[int]:
        return [int(line.split()[0]) for line in self.lines]

    def _read(self, output: IO[str]) -> None:
        with output:
            self.lines.extend(output)


@contextmanager
def subscribed(running: Up, folder: Path) -> Iterator[Subscriber]:
    subscriber = Subscriber(running, folder)
    try:
        yield subscriber
    finally:
        subscriber.kill()


def upload(folder: Path, data: Path, name: str, rows: int) -> None:
    lines = [f"J{name[-1]}-{number},boiler service,95.00,{CANARY}" for number in range(rows)]
    (folder / f"{name}.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    ended = dispatch("batch", "upload", str(folder / f"{name}.csv"), "--wait", "--data", str(data))
    assert ended.returncode == 0, ended.stdout + ended.stderr


def job_positions(running: Up) -> list[int]:
    with running.app() as app:
        return [one.position for one in app.ledger.read(0, 1_000_000) if isinstance(one.event, JobEvent)]


def caught_up(running: Up, subscriber: Subscriber) -> list[int]:
    positions = job_positions(running)
    return eventually(subscriber.ids, lambda ids: len(ids) >= len(positions))


def ask_nats(running: Up, ask: Callable) -> object:
    async def asked():
        client = await connect(str(running.note["nats_url"]), name="test")
        try:
            return await ask(client.jetstream(timeout=5))
        finally:
            await client.close()

    return asyncio.run(asked())


@pytest.mark.acceptance("2.31", part="subscribers over JetStream")
def test_the_sample_gets_every_event_of_jobs_once_and_soon(tmp_path: Path):
    data = tmp_path / "data"
    with up(data, "--scenario", "calm") as running, subscribed(running, tmp_path) as subscriber:
        upload(tmp_path, data, "canary-file-1", 40)
        assert caught_up(running, subscriber) == job_positions(running)
        subscriber.kill()  # What it had not acknowledged comes again, and is not printed again.
        running.kill("followers")  # The publisher plays in this process.
        upload(tmp_path, data, "canary-file-2", 40)
        subscriber.start()
        assert caught_up(running, subscriber) == job_positions(running)
        ask_nats(running, lambda js: js.delete_stream(EVENT_STREAM))
        upload(tmp_path, data, "canary-file-3", 10)
        assert caught_up(running, subscriber) == job_positions(running)
        with running.app() as app:
            eventually(app.published.lag, lambda lag: lag is not None and not lag.events)
        ready = dispatch("doctor", "--json", "--data", str(data))
        [finding] = [one for one in msgspec.json.decode(ready.stdout)["findings"] if one["name"] == "subscribers"]
        assert (finding["level"], finding["found"].split(",")[0]) == ("ok", "0 events")


@pytest.mark.acceptance("S.10", part="no personal data in messages to subscribers")
def test_nothing_personal_is_in_any_message(tmp_path: Path):
    data = tmp_path / "data"
    with up(data, "--scenario", "calm") as running:
        upload(tmp_path, data, "canary-file", 5)
        erase = ("contact", "erase", "--email", EMAIL, "--reason", "moved away", "--yes", "--data", str(data))
        assert dispatch(*erase).returncode == 0
        with running.app() as app:
            recorded = app.ledger.read(0, 1_000_000)
            eventually(app.published.lag, lambda lag: lag is not None and lag.position >= recorded[-1].position)
        ciphertexts = [one.event.person.encrypted for one in recorded if isinstance(one.event, JobOpened)]
        assert len(ciphertexts) == 5
        assert all(ciphertexts)

        async def everything(js):
            state = (await js.stream_info(EVENT_STREAM)).state
            return [await js.get_msg(EVENT_STREAM, number) for number in range(1, state.last_seq + 1)]

        messages = ask_nats(running, everything)
    assert [int(message.headers["ce-id"]) for message in messages] == [one.position for one in recorded]
    assert {message.headers["ce-type"] for message in messages} == {public_type(type(one.event)) for one in recorded}
    hidden = [base64.b64encode(text).decode().lower()[:24] for text in ciphertexts]
    people = {getattr(one.event, "by", "") for one in recorded} - {""}
    assert people
    for message in messages:
        assert people.isdisjoint(map(str, msgspec.json.decode(message.data).values()))
        whole = f"{message.subject} {message.headers} {message.data.decode()}".lower()
        assert [word for word in (*PERSONAL, *hidden) if word in whole] == []
        assert "encrypted" not in whole
