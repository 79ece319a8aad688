"""What the fork server loads once: whatever is missing here, each role process would load for itself."""

import gc
from importlib import import_module

from dispatch.application.routes import find_routes
from dispatch.application.stages import find_stages
from dispatch.entrypoints.roles import ROLES, find_role

USED_LATER = (
    "dispatch.entrypoints.roles.process",
    "dispatch.adapters.providers.simulator",
    "sqlalchemy.dialects.postgresql.psycopg",  # By the first engine.
    "anyio._backends._asyncio",  # By the first request.
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "rich_click",  # A child loads the module of the command line under another name.
)


def load() -> None:
    """Import it all. Processes share its memory while nobody writes there, so the collector must not look at it."""
    for role in ROLES:
        find_role(role)
    for name in USED_LATER:
        import_module(name)
    find_stages()
    find_routes()
    gc.collect()
    gc.freeze()


load()
