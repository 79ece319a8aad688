"""What the fork server loads once: whatever is missing here, each role process would load for itself.

The fork server tells nobody of an import that fails; the processes that need it do.
"""

import gc
from contextlib import suppress
from importlib import import_module

from dispatch.application.routes import find_routes
from dispatch.application.stages import find_stages
from dispatch.entrypoints.roles import ROLES

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
    """Import it all. Processes share its memory as long as nobody writes there, so the collector must not look at it."""
    for name in (*(f"dispatch.entrypoints.roles.{role}" for role in ROLES), *USED_LATER):
        with suppress(ImportError):
            import_module(name)
    find_stages()
    find_routes()
    gc.collect()
    gc.freeze()


load()
