"""The routes, one file each: the package finds them."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from dispatch.application.routes.route import Route
from dispatch.domain.job.state import Job

USUAL = "service-job"
"""The route of a job that no other route says is its own."""


@cache
def find_routes() -> Mapping[str, Route]:
    """Every route of this package by name, in the order of the names. They are looked for once in a process.

    Raises ValueError: two routes have one name.
    """
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    routes = [module.route for module in modules if hasattr(module, "route")]
    found = {route.name: route for route in sorted(routes, key=lambda route: route.name)}
    if len(found) < len(routes):
        raise ValueError(f"two routes have one name: {sorted(route.name for route in routes)}")
    return found


def route_for(job: Job) -> Route:
    """The route that writes this job's message."""
    routes = find_routes()
    return next((route for route in routes.values() if route.name != USUAL and route.is_for(job)), routes[USUAL])
