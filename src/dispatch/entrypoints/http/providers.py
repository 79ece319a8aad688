"""Providers over HTTP: how they stand with all workers."""

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from dispatch.application.provider_board import ProviderShown
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.problem import documented

TheApp = NamedDependency[SkipValidation[App]]


@get("/providers", operation_id="listProviders", sync_to_thread=True, responses=documented())
def list_providers(app: TheApp) -> list[ProviderShown]:
    """Every provider in the order in which it is asked, by capability: breaker, health, spending and limits."""
    return app.show_providers()


routes = Router(path="/v1", route_handlers=[list_providers], tags=["providers"])
