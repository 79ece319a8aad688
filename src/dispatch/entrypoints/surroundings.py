"""What an installation stands on: the servers that it finds, and short tests of them."""

import asyncio

import psycopg

from dispatch.adapters.embedded.errors import EmbeddedServerError
from dispatch.adapters.embedded.nats import find_program
from dispatch.adapters.embedded.postgres_cluster import find_installation
from dispatch.adapters.nats.inspection import NatsFacts, NatsSilent, inspect_nats
from dispatch.adapters.postgres.inspection import ServerFacts, inspect_server
from dispatch.adapters.postgres.rights import Rights as Rights
from dispatch.adapters.smoke.end_to_end import open_end_to_end as open_end_to_end
from dispatch.adapters.smoke.schema import smoke_schema as run_schema_smoke
from dispatch.application.smoke import Case
from dispatch.entrypoints.settings import Settings


class NotRunning(Exception):
    """There is no database to work with."""


def inspect_postgres(url: str) -> ServerFacts:
    """What the database server promises. Raises NotRunning when it does not answer."""
    try:
        return inspect_server(url)
    except psycopg.Error as error:
        raise NotRunning(next(iter(str(error).strip().splitlines()), type(error).__name__)) from error


def smoke_schema(settings: Settings) -> list[Case]:
    """The schema smoke test on the database of the settings. Raises NotRunning without one."""
    if not settings.database_url:
        raise NotRunning(
            f"no system runs on {settings.data}: start one, or name your Postgres in DISPATCH_DATABASE_URL"
        )
    return run_schema_smoke(settings.database_url)


def check_nats(url: str) -> NatsFacts:
    """What the NATS server offers. Raises NotRunning when it does not answer."""
    try:
        return asyncio.run(inspect_nats(url))
    except NatsSilent as error:
        raise NotRunning(str(error)) from error


def embedded_programs() -> dict[str, str]:
    """Where the programs of the embedded servers are; empty for one that is not installed."""
    found = {"postgres": "", "nats-server": ""}
    for name, find in (("postgres", find_installation), ("nats-server", find_program)):
        try:
            found[name] = str(find())
        except EmbeddedServerError:
            continue
    return found
