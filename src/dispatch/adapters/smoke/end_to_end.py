"""The end-to-end smoke test: three cases over HTTP, against any installation (acceptance 1.44-1.46).

It leaves two batches, which carry the run's name and say what they are: a ledger forgets nothing. Jobs of it that come
before a person, because a provider does not know the invented addresses, are cancelled, so that nobody has to.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from pyreqwest.client import SyncClient, SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError

from dispatch.adapters.providers.http import endpoint
from dispatch.adapters.smoke.files import BAD, ROWS, bad_file, good_file
from dispatch.application.smoke import Case, Failed, NotSetUp, run_case

POLL_EVERY_S = 2.0
TIMEOUT_S = 120.0
REQUEST_TIMEOUT_S = 30.0
LAG_MAX_EVENTS = 10_000
"""With views that are further behind nothing can be said within the time."""
BUDGET_PERCENT = 10
ENDED = frozenset({"complete", "complete_with_exceptions", "waiting_on_people"})
DONE = ENDED | {"rejected", "undone"}


class Api:
    """The installation, as this test talks to it."""

    def __init__(self, client: SyncClient, base_url: str) -> None:
        self._client, self._base_url = client, base_url

    def get(self, path: str, *expected: int) -> dict[str, Any]:
        """The JSON of a resource. Raises Failed for another status than 200 or the expected ones."""
        response = self._client.get(self._url(path)).build().send()
        return self._read(response.status, response.bytes(), path, expected or (200,))

    def post(self, path: str, body: bytes, content_type: str, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON of what a POST answers. Raises Failed for what is no success."""
        request = self._client.post(self._url(path)).header("Content-Type", content_type).headers(headers)
        response = request.body_bytes(body).build().send()
        return response.status, self._read(response.status, response.bytes(), path, (200, 201, 202))

    def upload(self, path: Path, percent: int = BUDGET_PERCENT) -> tuple[int, dict[str, Any]]:
        """Send a file."""
        query = f"v1/batches?error_threshold_percent={percent}"
        return self.post(query, path.read_bytes(), "text/csv", **{"X-File-Name": path.name})

    def lag(self) -> int:
        """How many events the slowest view is behind the ledger."""
        pipeline = self.get("v1/pipeline")
        reached = [int(view["position"]) for view in pipeline["views"]]
        return int(pipeline["ledger_head"]) - min(reached) if reached else int(pipeline["ledger_head"])

    def _url(self, path: str) -> Any:  # noqa: ANN401 - the client's type
        return endpoint(self._base_url, path)

    def _read(self, status: int, body: Any, path: str, expected: tuple[int, ...]) -> dict[str, Any]:  # noqa: ANN401
        try:
            found = msgspec.json.decode(bytes(body), type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            found = {}
        if status not in expected or not found:
            says = found.get("detail") or found.get("title") or "and no JSON that says why"
            raise Failed(f"/{path.partition('?')[0]} answers {status}: {says}")
        return found


class EndToEnd:
    """The three cases in their order: what the first one sent, the second sends again."""

    def __init__(
        self,
        api: Api,
        folder: Path,
        *,
        timeout_s: float = TIMEOUT_S,
        on_progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._api, self._timeout_s, self._told = api, timeout_s, on_progress
        self.run_name = uuid4().hex[:12].upper()
        self._good, self._bad = folder / f"smoke-{self.run_name}-good.csv", folder / f"smoke-{self.run_name}-bad.csv"
        self._batch_id = ""

    def run(self) -> list[Case]:
        """Run them, and `tear_down` behind them. Raises NotSetUp when they cannot begin, or the views stand still."""
        self._set_up()
        checks = {"happy path": self._happy_path, "idempotency": self._idempotency, "quality": self._quality}
        return [run_case(name, check, PyreqwestError) for name, check in checks.items()]

    def tear_down(self) -> None:
        """Cancel what waits for a person. Raises NotSetUp when something does still."""
        try:
            for job in self._jobs("escalated") if self._batch_id else []:
                body = b'{"reason":"smoke test %b"}' % self.run_name.encode()
                self._api.post(f"v1/jobs/{job['job_id']}/cancel", body, "application/json")
        except (Failed, PyreqwestError) as error:
            raise NotSetUp(f"jobs of the test are left before a person: {error}") from error

    def _set_up(self) -> None:
        try:
            ready = self._api.get("readyz", 200, 503)
            if ready.get("status") != "ready":
                raise NotSetUp(f"the installation is not ready: {ready.get('detail', ready.get('status'))}")
            if (lag := self._api.lag()) > LAG_MAX_EVENTS:
                raise NotSetUp(f"the views are {lag:,} events behind: wait, or see that a projector runs")
        except (Failed, PyreqwestError, ValueError) as error:
            raise NotSetUp(f"nothing that can be tested answers there ({error})") from error
        self._good.write_bytes(good_file(self.run_name))
        self._bad.write_bytes(bad_file(self.run_name))

    def _happy_path(self) -> str:
        status, answer = self._api.upload(self._good)
        _must(status == 202 and not answer["duplicate"], f"a new file is answered {status}, as a duplicate")
        self._batch_id = answer["batch_id"]
        batch = self._poll(self._batch_id)
        where = f"the batch is {batch['status']}: {batch['rejection_reason'] or batch['approval_reason']}"
        _must(batch["status"] in ENDED, where)
        ended = {name: batch[name] for name in ("delivered", "blocked", "cancelled", "escalated")}
        _must(batch["jobs"] == ROWS == sum(ended.values()), f"{batch['jobs']} jobs of {ROWS} rows, ended {ended}")
        return f"{batch['status']}: {', '.join(f'{count} {name}' for name, count in ended.items() if count)}"

    def _idempotency(self) -> str:
        _must(self._batch_id, "not run: the first file was not received")
        status, answer = self._api.upload(self._good)
        _must(status == 200 and answer["duplicate"], f"the same file again is answered {status}, as if it were new")
        _must(answer["batch_id"] == self._batch_id, "the same file again is another batch")
        jobs = len(self._jobs())
        _must(jobs == ROWS, f"there are {jobs} jobs of {ROWS} rows")
        return f"duplicate of {self._batch_id[:8]}, still {jobs} jobs"

    def _quality(self) -> str:
        _, answer = self._api.upload(self._bad)
        batch = self._poll(answer["batch_id"])
        _must(batch["status"] == "rejected", f"the batch is {batch['status']}, not rejected")
        _must(batch["rejection_code"] == "error_budget_exceeded", f"rejected as {batch['rejection_code']}")
        _must(batch["jobs"] == 0, f"{batch['jobs']} jobs were made of a rejected file")
        errors = self._api.get(f"v1/batches/{answer['batch_id']}/errors?limit=100")["items"]
        _must(len(errors) == BAD, f"{len(errors)} refused values are listed, not {BAD}")
        return str(batch["rejection_reason"])

    def _poll(self, batch_id: str) -> dict[str, Any]:
        """The batch when it is done. Raises Failed after the time, NotSetUp when the views stand still."""
        deadline, said = time.monotonic() + self._timeout_s, ""
        while True:
            batch = self._api.get(f"v1/batches/{batch_id}")
            if batch["status"] in DONE:
                return batch
            if batch["status"] != said:
                said = batch["status"]
                self._told(f"{batch['file_name']}: {said}")
            if time.monotonic() >= deadline:
                break
            time.sleep(min(POLL_EVERY_S, max(0.0, deadline - time.monotonic())))
        if lag := self._stuck_lag():
            raise NotSetUp(f"the views are {lag:,} events behind and do not move: see that a projector runs")
        raise Failed(f"still {batch['status']} after {self._timeout_s:g} s")

    def _stuck_lag(self) -> int:
        """The lag, where it does not shrink within a poll."""
        first = self._api.lag()
        time.sleep(POLL_EVERY_S)
        lag = self._api.lag()
        return lag if 0 < first <= lag else 0

    def _jobs(self, status: str = "") -> list[dict[str, Any]]:
        state = f"&status={status}" if status else ""
        found: list[dict[str, Any]] = self._api.get(f"v1/jobs?batch_id={self._batch_id}&limit=100{state}")["items"]
        return found


@contextmanager
def open_end_to_end(
    base_url: str, *, timeout_s: float = TIMEOUT_S, on_progress: Callable[[str], None] = lambda text: None
) -> Iterator[EndToEnd]:
    """The test against this installation; its files are gone at the end.

    Raises:
        NotSetUp: the files cannot be made, or not be removed.
    """
    builder = SyncClientBuilder().user_agent("dispatch-smoke").timeout(timedelta(seconds=REQUEST_TIMEOUT_S))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="dispatch-smoke-") as folder,
            builder.follow_redirects(False).build() as client,
        ):
            yield EndToEnd(Api(client, base_url), Path(folder), timeout_s=timeout_s, on_progress=on_progress)
    except OSError as error:
        raise NotSetUp(f"the files of the test: {(error.strerror or type(error).__name__).lower()}") from error


def _must(holds: object, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)
