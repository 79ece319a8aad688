"""Rate limits over HTTP: which there are, and how full they are now."""

from litestar import Router, get

from dispatch.application.limits import ShownLimit, show_limits
from dispatch.entrypoints.http.batches import TheApp
from dispatch.entrypoints.http.paging import Page
from dispatch.entrypoints.http.problem import documented
from dispatch.entrypoints.limit_settings import read_plan
from dispatch.entrypoints.settings import outbound_rates


@get("/limits", operation_id="listLimits", sync_to_thread=True, responses=documented())
def list_limits(app: TheApp) -> Page[ShownLimit]:
    """Every rate limit that is set, of what goes out and of callers; tenants and callers are counted, not named."""
    return Page(show_limits(app.limiter, outbound_rates(app.settings), read_plan(app.settings.inbound_plan)))


routes = Router(path="/v1", route_handlers=[list_limits], tags=["limits"])
