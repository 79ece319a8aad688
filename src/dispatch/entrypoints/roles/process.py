"""One process that plays some roles: connects, runs them, stops them in good order."""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

import structlog
import uvloop

from dispatch.adapters.nats.connection import connect
from dispatch.adapters.nats.wakeups import Wakeups
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.logs import configure_logs
from dispatch.entrypoints.roles import find_role
from dispatch.entrypoints.roles.context import RoleContext
from dispatch.entrypoints.settings import Settings

log = structlog.get_logger(__name__)

SWITCH_INTERVAL_S = 5e-5
"""With the default 5 ms a thread that waits for a socket waits for the encoder of another as well."""


def run_process(
    roles: Sequence[str],
    settings: Settings,
    *,
    log_file: Path | None = None,
    on_ready: Callable[[str, str], None] = lambda role, word: None,
) -> None:
    """Play these roles until SIGTERM or SIGINT. Raises what stops a role."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    configure_logs(settings.log_level, role="+".join(roles), file=log_file)
    try:
        uvloop.run(_play(roles, settings, on_ready))
    except Exception:
        log.exception("process.crashed")
        raise


def die_with_parent() -> None:
    """End this process at once when the supervisor that started it is gone: its servers are gone as well then."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        threading.Thread(target=_die_after, args=(supervisor.sentinel,), name="die-with-parent", daemon=True).start()


def _die_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


async def _play(roles: Sequence[str], settings: Settings, on_ready: Callable[[str, str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    client = await connect(settings.nats_url, name=f"dispatch-{'-'.join(roles)}")
    wakeups = Wakeups(client)
    app = await asyncio.to_thread(open_app, settings, wakeups.announce)
    try:
        await asyncio.to_thread(app.migrate)
        playing = [
            asyncio.create_task(find_role(role)(RoleContext(app, client, wakeups, stop, partial(on_ready, role))))
            for role in roles
        ]
        await _until_stopped(playing, stop, settings.shutdown_grace_s)
    finally:
        await asyncio.to_thread(app.close)
        await client.close()
        log.info("process.stopped")


async def _until_stopped(playing: Sequence[asyncio.Task[None]], stop: asyncio.Event, grace_s: float) -> None:
    """Wait for the stop, or for a role that breaks; then give all of them the time of grace."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *playing}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    _, unfinished = await asyncio.wait(playing, timeout=grace_s)
    for role in unfinished:
        log.warning("role.cut_off", after_s=grace_s)
        role.cancel()
    await asyncio.gather(*unfinished, return_exceptions=True)
    for role in playing:
        if not role.cancelled() and (crash := role.exception()) is not None:
            raise crash
