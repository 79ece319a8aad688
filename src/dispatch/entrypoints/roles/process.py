"""One process that plays some roles: connects, runs them, stops them in good order."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

import structlog
import uvloop

from dispatch.adapters.nats.connection import connect
from dispatch.adapters.nats.wakeups import Wakeups
from dispatch.application.ports.processes import SEEN_EVERY_S
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.interpreter import tune_interpreter
from dispatch.entrypoints.logs import configure_logs
from dispatch.entrypoints.presence import Presence
from dispatch.entrypoints.roles import find_role
from dispatch.entrypoints.roles.context import RoleContext, either
from dispatch.entrypoints.scheduling import give_way
from dispatch.entrypoints.settings import Settings

log = structlog.get_logger(__name__)

T = TypeVar("T")

CANCEL_AGAIN_S = 0.2
CLOSE_WITHIN_S = 3.0
"""Of the time of grace so much is left for closing connections."""


def run_process(
    roles: Sequence[str],
    settings: Settings,
    *,
    log_file: Path | None = None,
    on_ready: Callable[[str, str], None] = lambda role, word: None,
) -> None:
    """Play these roles until SIGTERM or SIGINT; from then on it takes at most `shutdown_grace_s`.

    Raises what stops a role.
    """
    tune_interpreter(is_sender=tuple(roles) == ("webhooks",))
    configure_logs(settings.log_level, role="+".join(roles), file=log_file)
    give_way(roles)  # Before there are threads: each inherits it from the one that starts it.
    last_resort = threading.Timer(settings.shutdown_grace_s, _cut_off, (settings.shutdown_grace_s,))
    last_resort.daemon = True
    try:
        uvloop.run(_play(roles, settings, on_ready, last_resort))
    except Exception:
        log.exception("process.crashed")
        raise
    finally:
        last_resort.cancel()


def die_with_parent() -> None:
    """End this process at once when the supervisor that started it is gone: its servers are gone as well then."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        threading.Thread(target=_die_after, args=(supervisor.sentinel,), name="die-with-parent", daemon=True).start()


def _die_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


def _cut_off(after_s: float) -> None:
    """A thread that reads a big file cannot be told to stop; what it had not recorded is done again."""
    log.warning("process.cut_off", after_s=after_s)
    os._exit(1)


async def _play(
    roles: Sequence[str], settings: Settings, on_ready: Callable[[str, str], None], last_resort: threading.Timer
) -> None:
    stop, lost = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin_to_stop() -> None:
        if not stop.is_set():
            stop.set()
            last_resort.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin_to_stop)
    name = f"dispatch-{'-'.join(roles)}"
    client = await _unless(stop, connect(settings.nats_url, name=name, on_closed=lost.set))
    if client is None:
        return
    async with AsyncExitStack() as opened:
        opened.callback(log.info, "process.stopped")
        opened.push_async_callback(client.close)
        wakeups = Wakeups(client)
        app = await asyncio.to_thread(open_app, settings, wakeups.announce)
        opened.push_async_callback(asyncio.to_thread, app.close)
        await asyncio.to_thread(app.migrate)
        playing = [
            asyncio.create_task(find_role(role)(RoleContext(app, client, wakeups, stop, partial(on_ready, role))))
            for role in roles
        ]
        watching = asyncio.create_task(_until_lost(lost))
        appearing = asyncio.create_task(_appear(Presence(app.processes, roles), stop))
        opened.push_async_callback(_end_of, appearing)
        try:
            grace_s = max(0.0, settings.shutdown_grace_s - CLOSE_WITHIN_S)
            await _until_stopped(playing, watching, stop, begin_to_stop, grace_s)
        finally:
            watching.cancel()


async def _unless(stop: asyncio.Event, waited_for: Coroutine[Any, Any, T]) -> T | None:
    """What is waited for; None when the stop comes first."""
    waiting, stopping = asyncio.create_task(waited_for), asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    while not waiting.done():  # More than once: a client that retries may take a cancellation for a failed attempt.
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=CANCEL_AGAIN_S)
    return None if waiting.cancelled() else waiting.result()


async def _appear(presence: Presence, stop: asyncio.Event) -> None:
    """Be in the list of processes until cancelled; from the stop on as one that is finishing."""
    try:
        while True:
            await asyncio.to_thread(presence.say, draining=stop.is_set())
            await either(stop, stop, SEEN_EVERY_S) if not stop.is_set() else await asyncio.sleep(SEEN_EVERY_S)
    finally:
        await asyncio.shield(asyncio.to_thread(presence.end))


async def _end_of(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _until_lost(lost: asyncio.Event) -> None:
    await lost.wait()
    raise ConnectionError("NATS has closed the connection for good; a new process connects anew")


async def _until_stopped(
    playing: Sequence[asyncio.Task[None]],
    watching: asyncio.Task[None],
    stop: asyncio.Event,
    begin_to_stop: Callable[[], None],
    grace_s: float,
) -> None:
    """Wait for the stop, or for a role that breaks; then give all of them the time of grace."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, watching, *playing}, return_when=asyncio.FIRST_COMPLETED)
    begin_to_stop()
    _, unfinished = await asyncio.wait(playing, timeout=grace_s)
    for role in unfinished:
        log.warning("role.cut_off", after_s=grace_s)
        role.cancel()
    await asyncio.gather(*unfinished, return_exceptions=True)
    for task in (*playing, watching):
        if task.done() and not task.cancelled() and (crash := task.exception()) is not None:
            raise crash
