"""A route in one file, with stages of its own, is walked by the real worker (docs/how_to/add_a_route.md)."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.adapters.nats.connection import connect
from dispatch.adapters.nats.wakeups import Wakeups
from dispatch.adapters.providers.simulator import Scenario, Simulator
from dispatch.application import routes
from dispatch.application.intake.opening import open_jobs
from dispatch.application.intake.profiles.reading import ProfileInvalid, parse_profile
from dispatch.application.intake.row import GoodRow
from dispatch.application.ports.ledger import Cause
from dispatch.application.stages import find_stages
from dispatch.domain.batch.state import Batch
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import JobStatus
from dispatch.domain.person import Person
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.roles import relay, worker
from dispatch.entrypoints.roles.context import RoleContext
from dispatch.entrypoints.settings import Settings
from examples import BATCH_ID, NOON
from servers import application_url

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "add_a_route.md"
[FILE], [PROFILE] = (
    re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for kind in ("python", "toml")
)
STAGES = ("season", "survey", "clear", "dispatch", "confirm")


@pytest.fixture
def one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's file beside those of the package; nothing else knows of it."""
    folder = tmp_path / "routes"
    folder.mkdir()
    (folder / "garden_visit.py").write_text(FILE, encoding="utf-8")
    monkeypatch.setattr(routes, "__path__", [*routes.__path__, str(folder)])
    routes.find_routes.cache_clear()
    yield
    routes.find_routes.cache_clear()


def test_the_file_is_found_with_its_stages(one_file: None):
    assert routes.find_routes()["garden-visit"].stages == STAGES
    assert {"season", "survey"} <= set(find_stages())
    assert parse_profile(PROFILE, "garden-visit.1.toml").route == STAGES


def test_without_the_file_nobody_knows_the_route():
    with pytest.raises(ProfileInvalid, match="at route: there is no route 'garden-visit'; known: company-outreach, "):
        parse_profile(PROFILE, "garden-visit.1.toml")


@pytest.mark.postgres
@pytest.mark.nats
@pytest.mark.timeout(120)
async def test_the_real_worker_walks_it(one_file: None, tmp_path: Path, database_url: str, fresh_nats):
    stop, ready = asyncio.Event(), asyncio.Event()
    simulator = Simulator(Scenario())
    settings = Settings(
        data=tmp_path / "data",
        database_url=application_url(database_url),
        database_owner_url=database_url,
        nats_url=fresh_nats.url,
        contact_finder_url=simulator.base_url,
        email_verifier_url=simulator.base_url,
        notifier_url=simulator.base_url,
    )
    client = await connect(fresh_nats.url, name="test")
    wakeups = Wakeups(client)
    app = await asyncio.to_thread(open_app, settings, wakeups.announce)
    await asyncio.to_thread(app.migrate)
    row = GoodRow(
        row=1, natural_key="G-1", reference="G-1", service="garden visit", price_pence=2500,
        person=Person(name="Ann Example", email="ann@example.org"),
        permission=Permission(basis=Basis.CONTRACT), details={},
    )  # fmt: skip
    cause = Cause(command_id=BATCH_ID, correlation_id=BATCH_ID)
    profile = parse_profile(PROFILE, "garden-visit.1.toml")
    appends = list(open_jobs(BATCH_ID, Batch(received_at=NOON), profile, [row], NOON, cause))
    await asyncio.to_thread(app.ledger.append, appends)
    job_id = appends[0].stream

    def job():
        return decider.fold([record.event for record in app.ledger.trace(job_id)])

    context = RoleContext(app, client, wakeups, stop, lambda word: ready.set())
    playing = [asyncio.create_task(role.run(context)) for role in (relay, worker)]
    playing.append(asyncio.create_task(simulator.serve(stop)))
    try:
        async with asyncio.timeout(60):
            while (found := await asyncio.to_thread(job)).status is not JobStatus.DELIVERED:
                assert found.status is JobStatus.RUNNING, found
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await asyncio.gather(*playing)
        await asyncio.to_thread(app.close)
        await client.close()
    assert found.outputs["season"]["season"] in ("winter", "growing")
    assert found.outputs["survey"]["mailbox"] == "valid"
    assert found.outputs["dispatch"]["channel"] == "email"
    assert simulator.world.stats().effects == 1
