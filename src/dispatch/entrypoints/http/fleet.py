"""The processes of the system, their numbers, and the zone that it is in, over HTTP."""

from typing import Annotated

import msgspec
from litestar import Router, get, put
from litestar.params import FromPath, JSONBody

from dispatch.application.ports.processes import ProcessRow
from dispatch.application.watchdog import ZoneChange, ZoneNow
from dispatch.domain.fleet.decide import PROCESSES_MAX
from dispatch.domain.fleet.events import Scalable
from dispatch.entrypoints.http.batches import TheApp
from dispatch.entrypoints.http.paging import Limit, Page
from dispatch.entrypoints.http.problem import documented

ACTOR = "api"


class NewScale(msgspec.Struct, frozen=True, kw_only=True):
    """So many processes there are to be. `reason` is kept in the ledger, so no personal data."""

    processes: Annotated[int, msgspec.Meta(ge=0, le=PROCESSES_MAX)]
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Scaled(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; it is so when the list of processes says so."""

    role: Scalable
    processes: int


@get("/processes", operation_id="listProcesses", sync_to_thread=True, responses=documented())
def list_processes(app: TheApp) -> Page[ProcessRow]:
    """Every process that was seen in the last ten seconds, on all machines."""
    return Page(app.processes.present())


@put(
    "/processes/{role:str}",
    operation_id="scaleRole",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 422),
)
def scale_role(role: FromPath[Scalable], app: TheApp, data: JSONBody[NewScale]) -> Scaled:
    """Let there be so many processes of this role until the next start: `worker` or `intake`."""
    app.fleet.scale(role, data.processes, by=ACTOR, reason=data.reason)
    return Scaled(role=role, processes=data.processes)


@get("/zone", operation_id="getZone", sync_to_thread=True, responses=documented())
def show_zone(app: TheApp) -> ZoneNow:
    """The zone as it was recorded last, and every measure as it is now."""
    return app.watchdog.now()


@get("/zone/changes", operation_id="listZoneChanges", sync_to_thread=True, responses=documented())
def list_zone_changes(app: TheApp, limit: Limit = 20) -> Page[ZoneChange]:
    """When the zone changed and why, newest first."""
    return Page(app.watchdog.book.changes(limit=limit))


routes = Router(
    path="/v1", route_handlers=[list_processes, scale_role, show_zone, list_zone_changes], tags=["operations"]
)
