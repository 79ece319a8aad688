"""`dispatch run`: some roles of the system in this process, for deployments that spread them out."""

import os

import rich_click as click

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import data_option
from dispatch.entrypoints.roles import ROLES
from dispatch.entrypoints.settings import Settings, load_settings

NEEDED = {"database_url": "Postgres", "nats_url": "NATS"}
NEEDED_BY_WORKERS = {"contact_finder_url": "finder", "email_verifier_url": "verifier", "notifier_url": "notifier"}


@click.command()
@click.argument("roles", metavar="ROLE...", nargs=-1, required=True, type=click.Choice(ROLES))
@data_option
@click.pass_obj
def run(cli: Cli, roles: tuple[str, ...]) -> None:
    """Play roles in this process until SIGTERM; logs are JSON on stderr.

    The roles: api, intake, worker, relay, publisher, timers, sources, projector, sealer, outbox and webhooks.
    Postgres, NATS and the providers are those of the settings. Of relay, publisher, timers, sources and projector any
    number may run: they take turns or do not mind.

    \b
    Examples:
      dispatch run api
      dispatch run relay
      dispatch run publisher timers projector
      DISPATCH_WORKER_LANES=4 dispatch run worker
    """
    from dispatch.entrypoints.roles.process import run_process

    settings = load_settings(os.environ, {"data": cli.data}).settings
    _check(settings, roles)
    run_process(list(dict.fromkeys(roles)), settings)


def _check(settings: Settings, roles: tuple[str, ...]) -> None:
    """Say which setting is missing before anything is connected."""
    needed = NEEDED | (NEEDED_BY_WORKERS if "worker" in roles else {})
    for name, what in needed.items():
        if not getattr(settings, name):
            variable = f"DISPATCH_{name.upper()}"
            raise Refused("setting_missing", f"no {what} is named", variable, f"set {variable} to its URL")
