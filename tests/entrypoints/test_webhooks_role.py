"""The roles outbox and webhooks: one queues and one sends, of several each, and a slow endpoint holds up no other."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from structlog.testing import capture_logs
from test_sources_role import until

from dispatch.application.ports.ledger import Append, Cause
from dispatch.application.webhooks.desk import NewEndpoint
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.roles import outbox, webhooks
from dispatch.entrypoints.roles.context import RoleContext
from dispatch.entrypoints.settings import Settings
from examples import BATCH_ID, opened
from receiver import receiver
from servers import application_url

pytestmark = pytest.mark.postgres


class Deaf:
    """Wake-ups that never come, and bells that nobody hears: everybody looks now and then."""

    async def listen(self) -> asyncio.Event:
        return asyncio.Event()

    async def bell(self, subject: str) -> asyncio.Event:
        return asyncio.Event()

    async def ring(self, subject: str) -> None: ...


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[App]:
    url = application_url(database_url)
    settings = Settings(
        data=tmp_path / "data", database_url=url, database_owner_url=database_url, endpoint_private_hosts="127.0.0.1"
    )
    opened_app = open_app(settings)
    opened_app.migrate()
    yield opened_app
    opened_app.close()


def open_job(app: App) -> None:
    job_id = str(uuid4())
    cause = Cause(command_id=str(uuid4()), correlation_id=BATCH_ID)
    app.ledger.append([Append(job_id, 0, [msgspec.structs.replace(opened, job_id=job_id)], cause)])


async def test_two_roles_send_everything_once_and_a_silent_endpoint_holds_up_no_other(app: App):
    stop, released = asyncio.Event(), threading.Event()
    with receiver() as slow, receiver() as quick, capture_logs() as logs:
        slow.answer = lambda _: (released.wait(30), (200, {}, b""))[1]
        for name, it in (("slow", slow), ("quick", quick)):
            app.endpoints.register(NewEndpoint(name=name, url=it.url, types=("job.*",)), "ann")
        context = RoleContext(app, None, Deaf(), stop, lambda word: None)  # type: ignore[arg-type]
        tasks = [asyncio.create_task(role.run(context)) for role in (outbox, webhooks, webhooks, outbox)]
        for number in range(1, 4):
            await asyncio.to_thread(open_job, app)
            await until(lambda n=number: len(quick.received) == n)
        assert len(slow.received) >= 1
        assert app.endpoints.deliveries("slow") == []
        released.set()
        await until(lambda: len(app.endpoints.deliveries("slow")) == 3)
        stop.set()
        await asyncio.gather(*tasks)
    assert len(set(slow.ids())) == len(slow.received) == 3
    assert len(set(quick.ids())) == len(quick.received) == 3
    leaders = sorted(line["leader"] for line in logs if line["event"] == "leadership.taken")
    assert leaders == ["outbox", "webhooks"]
