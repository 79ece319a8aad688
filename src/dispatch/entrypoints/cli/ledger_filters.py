"""Which events of the ledger are wanted: the options of `dispatch ledger tail` and `search`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

import rich_click as click

from dispatch.application.ports.evidence import EntryQuery
from dispatch.entrypoints.cli.ids import find_batch, find_job
from dispatch.entrypoints.cli.options import as_time

if TYPE_CHECKING:
    from dispatch.entrypoints.bootstrap import App

OPTIONS = (
    click.option("--job", metavar="JOB", help="Only of this job: an id, the beginning of one, or BATCH:ROW."),
    click.option("--batch", metavar="BATCH", help="Only of this batch and its jobs."),
    click.option("--stream", metavar="ID", type=click.UUID, help="Only of this stream: the id of a job or a batch."),
    click.option(
        "--name", metavar="EVENT", default="", help="Only of this name, like JobDelivered, in all its versions."
    ),
    click.option("--actor", metavar="NAME", default="", help="Only what this one caused."),
    click.option("--command", metavar="ID", type=click.UUID, help="Only what this command caused, by its id."),
    click.option("--correlation", metavar="ID", type=click.UUID, help="Only what belongs to this batch or request."),
    click.option(
        "--since",
        metavar="TIME",
        callback=as_time,
        help="Recorded at this time (ISO 8601, UTC unless it says) or later.",
    ),
    click.option("--until", metavar="TIME", callback=as_time, help="Recorded before this time."),
    click.option("--from", "first", metavar="POSITION", type=click.IntRange(1), help="From this position on."),
    click.option("--to", "last", metavar="POSITION", type=click.IntRange(1), help="Up to this position."),
)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What the options said; all of it must hold of an event."""

    job: str | None
    batch: str | None
    stream: object
    name: str
    actor: str
    command: object
    correlation: object
    since: datetime | None
    until: datetime | None
    first: int | None
    last: int | None

    def query(self, app: "App", *, limit: int, newest_first: bool = False) -> EntryQuery:
        """The question for the ledger. Raises Refused for a job or batch that is not there."""
        stream, correlation = self.stream, self.correlation
        if self.job is not None:
            stream = find_job(app.queries, self.job).job_id
        if self.batch is not None:
            correlation = find_batch(app.queries, self.batch).batch_id
        return EntryQuery(
            stream=str(stream or ""),
            name=self.name,
            actor=self.actor,
            command=str(self.command or ""),
            correlation=str(correlation or ""),
            since=self.since,
            until=self.until,
            after=(self.first or 1) - 1,
            through=self.last or 0,
            limit=limit,
            newest_first=newest_first,
        )


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options, which the command receives together as `filters`."""

    @wraps(command)
    def with_filters(*arguments: Any, **given: Any) -> None:  # noqa: ANN401 - click's own arguments
        filters = Filters(**{name: given.pop(name) for name in Filters.__dataclass_fields__})
        for one, other in (("job", "stream"), ("batch", "correlation")):
            if getattr(filters, one) is not None and getattr(filters, other) is not None:
                raise click.UsageError(f"either --{one} or --{other}, not both: they say the same")
        command(*arguments, filters=filters, **given)

    decorated: Callable[..., None] = with_filters
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated
