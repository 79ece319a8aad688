"""Metrics for Prometheus: requests as they are answered, and the views as they are when somebody asks."""

from collections import Counter as Counts
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import structlog
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from dispatch.application.alarms import CODES
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.queries import ViewsUnavailable
from dispatch.domain.zone.judging import SEVERITY
from dispatch.entrypoints.bootstrap import App

PREFIX = "dispatch_engine_"
SENDING_STAGE = "dispatch"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

log = structlog.get_logger(__name__)


class ViewsCollector(Collector):
    """Reads the views at each scrape, so that every replica answers the same and nothing is lost by a restart."""

    def __init__(self, app: App) -> None:
        self._app = app

    def describe(self) -> list[Metric]:
        """Nothing: asked at registration, when there need not be a database."""
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(f"{PREFIX}views_up", "1 when the views could be read for this scrape.")
        try:
            families = [
                *self._stages(),
                *self._jobs(),
                *self._lag(),
                *self._dead_letters(),
                *self._zone(),
                *self._alarms(),
            ]
        except (LedgerUnavailable, ViewsUnavailable) as error:
            log.warning("metrics.views_unavailable", error=type(error).__name__)
            families = []
        up.add_metric([], 1 if families else 0)
        yield up
        yield from families

    def _all(self) -> tuple[Callable[[], Iterator[Metric]], ...]:
        return self._stages, self._jobs, self._lag, self._dead_letters, self._zone, self._alarms

    def _stages(self) -> Iterator[Metric]:
        sent = CounterMetricFamily(f"{PREFIX}notifications_sent", "Messages that the notifier accepted.")
        failed = CounterMetricFamily(f"{PREFIX}notifications_failed", "Attempts to send a message that failed.")
        inflight = GaugeMetricFamily(f"{PREFIX}worker_inflight", "Jobs at work per stage.", labels=["stage"])
        retries = CounterMetricFamily(f"{PREFIX}retry_scheduled", "Retries that were scheduled.", labels=["stage"])
        attempts = CounterMetricFamily(f"{PREFIX}stage_failures", "Attempts that failed.", labels=["stage"])
        completed = CounterMetricFamily(f"{PREFIX}stage_completed", "Jobs that passed a stage.", labels=["stage"])
        oldest = GaugeMetricFamily(
            f"{PREFIX}stage_oldest_age_seconds", "Age of the oldest job at a stage.", labels=["stage"]
        )
        seen = {stage.stage: stage for stage in self._app.queries.pipeline_health()}
        sending = seen.get(SENDING_STAGE)
        sent.add_metric([], sending.completed if sending else 0)
        failed.add_metric([], sending.failed_attempts if sending else 0)
        for name in self._app.stages:
            stage = seen.get(name)
            inflight.add_metric([name], stage.running if stage else 0)
            retries.add_metric([name], stage.retries if stage else 0)
            attempts.add_metric([name], stage.failed_attempts if stage else 0)
            completed.add_metric([name], stage.completed if stage else 0)
            oldest.add_metric([name], stage.oldest_age_s if stage else 0)
        yield from (sent, failed, inflight, retries, attempts, completed, oldest)

    def _jobs(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily(f"{PREFIX}jobs", "All jobs by state.", labels=["state"])
        totals = self._app.queries.job_totals()
        for state in totals.__struct_fields__:
            jobs.add_metric([state], getattr(totals, state))
        yield jobs

    def _lag(self) -> Iterator[Metric]:
        head = self._app.ledger.head()
        lag = GaugeMetricFamily(f"{PREFIX}view_lag_events", "Events that a view has not seen yet.", labels=["view"])
        for reached in self._app.queries.positions():
            lag.add_metric([reached.view], max(0, head - reached.position))
        position = GaugeMetricFamily(f"{PREFIX}ledger_head_position", "The highest position of the ledger.")
        position.add_metric([], head)
        yield from (lag, position, *self._publisher())

    def _publisher(self) -> Iterator[Metric]:
        events = GaugeMetricFamily(f"{PREFIX}publisher_lag_events", "Events that subscribers have not been sent yet.")
        seconds = GaugeMetricFamily(f"{PREFIX}publisher_lag_seconds", "How long the oldest of them has waited.")
        if (lag := self._app.published.lag()) is not None:
            events.add_metric([], lag.events)
            seconds.add_metric([], lag.seconds)
        yield from (events, seconds)

    def _dead_letters(self) -> Iterator[Metric]:
        depth = self._app.failures.depth()
        letters = GaugeMetricFamily(f"{PREFIX}dead_letters", "Jobs that failed for good and wait for a person.")
        letters.add_metric([], depth.open)
        oldest = GaugeMetricFamily(f"{PREFIX}dead_letters_oldest_age_seconds", "Age of the oldest of them.")
        age_s = (datetime.now(UTC) - depth.oldest_at).total_seconds() if depth.oldest_at else 0.0
        oldest.add_metric([], max(0.0, age_s))
        yield from (letters, oldest)

    def _zone(self) -> Iterator[Metric]:
        now = self._app.watchdog.now()
        zone = GaugeMetricFamily(f"{PREFIX}zone", "0 green, 1 yellow, 2 red, as recorded last.")
        zone.add_metric([], SEVERITY[now.zone])
        measures = GaugeMetricFamily(f"{PREFIX}zone_measure", "What decides on the zone.", labels=["measure"])
        for reading in now.readings:
            measures.add_metric([reading.measure.value], reading.value)
        processes = GaugeMetricFamily(f"{PREFIX}processes", "Processes that are there, by role.", labels=["role"])
        for count in self._app.fleet.count():
            processes.add_metric([count.role], count.running)
        yield from (zone, measures, processes)

    def _alarms(self) -> Iterator[Metric]:
        alarms = GaugeMetricFamily(f"{PREFIX}alarms", "What a person has to look at, by code.", labels=["code"])
        found = Counts(alarm.code for alarm in self._app.alarms())
        for code in CODES:
            alarms.add_metric([code], found[code])
        yield alarms


class Metrics:
    """The metrics of one server; labels come from bounded sets only."""

    def __init__(self, app: App) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # The package leaves it without annotations.
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}http_request_duration_seconds",
            "Time from a request to the end of its answer; live streams are not counted.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._registry.register(ViewsCollector(app))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        if route != "/live":
            self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self._registry)


@get("/metrics", include_in_schema=False, sync_to_thread=True, media_type=MediaType.TEXT)
def show_metrics(metrics: NamedDependency[SkipValidation[Metrics]]) -> Response[bytes]:
    """The metrics of this process and of the views."""
    return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
