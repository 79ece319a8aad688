"""`dispatch up`: the whole system on this machine, with a file to work on if one is named."""

import os
import socket
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import msgspec
import rich_click as click
from click.exceptions import Exit
from rich.console import Console

from dispatch.application.intake.profiles import profile_named
from dispatch.application.intake.source import STDIN, open_source
from dispatch.application.ports.queries import BatchRow, ViewsUnavailable
from dispatch.domain.batch.state import BatchStatus
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.follow import BatchFollower
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.outcome import EXIT_CODES, say_approval
from dispatch.entrypoints.cli.output import notes, out, print_json
from dispatch.entrypoints.cli.stop_request import StopRequest, stop_on_signals
from dispatch.entrypoints.cli.summary import Summary, render_summary, summary
from dispatch.entrypoints.logs import configure_logs
from dispatch.entrypoints.settings import Loaded, Settings, load_settings
from dispatch.entrypoints.supervisor.failures import CannotStart
from dispatch.entrypoints.supervisor.system import System, empty_data

SAMPLE = "service-jobs.csv"
ASK_AGAIN_S = 0.5


@click.command()
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--demo", is_flag=True, help="Work on the sample: some 500 jobs that address nobody real.")
@click.option("--once", is_flag=True, help="Stop after the summary instead of staying up.")
@click.option("--fresh", is_flag=True, help="Empty the data folder first.")
@click.option("--profile", metavar="NAME", default="service-job", show_default=True, help="What kind of file it is.")
@click.option("--threshold", metavar="PERCENT", type=click.IntRange(0, 100), help="Error budget of the file (10).")
@click.option("--host", metavar="HOST", help="Address of the API (127.0.0.1).")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65535), help="Port of the API (8080; 0: any free one).")
@click.option("--workers", metavar="N", type=click.IntRange(1, 64), help="Worker processes (2).")
@click.option(
    "--scenario",
    metavar="NAME",
    default="demo",
    show_default=True,
    help="How the simulated providers behave: a name, or a TOML file; docs/how_to/simulate_providers.md lists them.",
)
@shared_options
@click.pass_obj
def up(
    cli: Cli,
    file: str | None,
    demo: bool,
    once: bool,
    fresh: bool,
    profile: str,
    threshold: int | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    scenario: str,
) -> None:
    """Run the whole system on this machine: Postgres and NATS, the API, the workers, the relay and the projector.

    Servers and providers that the settings name are used; the others are embedded, or simulated. The data stays in the
    data folder. Ctrl-C stops everything. With --once the exit code is 1 when the file was rejected, and
    3 when it waits for a person's approval.

    \b
    Examples:
      dispatch up --demo
      dispatch up jobs.csv --once --json
      dispatch up --data /var/lib/dispatch --port 8000 --workers 4
    """
    if demo and file:
        raise click.UsageError("either --demo or a FILE of your own, not both")
    flags = {"data": cli.data, "http_host": host, "http_port": port, "workers": workers}
    settings = _settings(flags, fresh=fresh)
    if once and not (demo or file):
        raise click.UsageError("--once needs a FILE, or --demo")
    console = notes()
    configure_logs(settings.log_level, role="up", file=settings.data / "logs" / "up.log")
    stop = stop_on_signals()
    source = str(_sample()) if demo else file
    if source is not None:
        open_source(source).close()  # A file that cannot be read is said before anything is started.
    try:
        system = System(settings, scenario=scenario, say=lambda line: console.print(f"[dim]{line} …[/]"))
        with system:
            console.print(f"[dim]up after {system.took_s['start']:.1f} s[/]")
            made = _work_on(system, source, profile, threshold, cli, console, stop) if source else None
            if not once and not stop.is_set():
                console.print(
                    f"\nOpen [bold]{system.url}[/]   Ctrl-C stops everything; the data stays in {settings.data}"
                )
                stop.wait()
            stopping_at = time.monotonic()
        console.print(f"[dim]stopped in {time.monotonic() - stopping_at:.1f} s[/]")
    except CannotStart as error:
        raise Refused(error.code, error.what, error.where, error.fix) from error
    if once and made is not None and made.batch.status in EXIT_CODES:
        raise Exit(EXIT_CODES[made.batch.status])


def _settings(flags: Mapping[str, object], *, fresh: bool) -> Settings:
    """The settings, without what another run left behind; the default port gives way when it is taken."""
    loaded = _load(flags)
    try:
        if fresh:
            empty_data(loaded.settings.data)
            loaded = _load(flags)
        return _with_free_port(loaded)
    except CannotStart as error:
        raise Refused(error.code, error.what, error.where, error.fix) from error


def _work_on(
    system: System, source: str, profile: str, threshold: int | None, cli: Cli, console: Console, stop: StopRequest
) -> Summary | None:
    """Receive the file, follow it until it rests, and say what became of it."""
    app, kind = system.app, profile_named(profile)
    started = time.perf_counter()
    with open_source(source) as file:
        received = app.receive(
            file,
            kind,
            "stdin" if source == STDIN else Path(source).name,
            error_threshold_percent=app.settings.error_threshold_percent if threshold is None else threshold,
            by=who(),
        )
    upload_s: float | None = time.perf_counter() - started
    if received.duplicate:
        console.print(
            f"This file is batch {received.batch_id[:8]} already: nothing is done twice. For a new start: --fresh"
        )
        upload_s = None
    row = _follow(BatchFollower(app.queries, received.batch_id, None if cli.as_json else console, stop=stop), stop)
    if row is None or (stop.is_set() and row.closed_at is None):
        return None
    if row.status is BatchStatus.AWAITING_APPROVAL and not cli.as_json:
        say_approval(console, row)
    made = summary(app, received.batch_id, upload_s=upload_s)
    if cli.as_json:
        print_json(made)
    else:
        render_summary(made, out())
    return made


def _follow(follower: BatchFollower, stop: StopRequest) -> BatchRow | None:
    """Follow to the end, also past a Postgres that is started again meanwhile."""
    while not stop.is_set():
        try:
            return follower.run()
        except ViewsUnavailable:
            stop.wait(ASK_AGAIN_S)
    return None


def _load(flags: Mapping[str, object]) -> Loaded:
    return load_settings(os.environ, flags, join_running=False)


def _with_free_port(loaded: Loaded) -> Settings:
    """8080 by default; when something else listens there and nobody asked for it, any free one."""
    settings = loaded.settings
    try:
        socket.create_server((settings.http_host, settings.http_port)).close()
    except OSError as error:
        if loaded.sources["http_port"] == "default":
            return msgspec.structs.replace(settings, http_port=0)
        where = f"{settings.http_host}:{settings.http_port}"
        raise CannotStart(
            "port_taken", f"the API cannot listen there ({error.strerror})", where, "choose another --port, or 0"
        ) from error
    return settings


def _sample() -> Path:
    """The sample file: beside the package when installed, in the repository otherwise."""
    installed = Path(str(files("dispatch"))) / "samples" / SAMPLE
    return installed if installed.exists() else Path(__file__).parents[4] / "samples" / SAMPLE
