"""A system that was brought to a known state, doctored, and compared."""

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg

from dispatch.application.handle import handle_many
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Append, Cause
from dispatch.application.ports.reconciling import QueueFacts, StreamFacts
from dispatch.application.reconcile.reconcile import Reconcile
from dispatch.application.reconcile.report import Report
from dispatch.application.reconcile.scope import Scope
from dispatch.domain.events import Event
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import Done, StartStage
from dispatch.domain.job.decide import decider
from dispatch.domain.job.keys import idempotency_key
from dispatch.entrypoints.reconciling import open_reconcile

EVERYTHING = Scope()


@dataclass
class Bench:
    """The system under comparison, as the owner of its database may tamper with it."""

    system: Any
    owner_url: str

    def reconcile(self, *, busy: Sequence[str] = ()) -> Reconcile:
        """The use case, on a work stream that is up to date and has work only at the `busy` stages."""
        wired = open_reconcile(self.system.app)
        app = self.system.app

        def stream() -> StreamFacts:
            queues = {stage: QueueFacts(waiting=int(stage in busy), in_hand=0) for stage in app.stages}
            return StreamFacts(exists=True, through=app.ledger.head(), queues=queues)

        return replace(wired, look=replace(wired.look, stream=stream))

    def look(
        self, scope: Scope = EVERYTHING, *, repair: bool = False, busy: Sequence[str] = (), ask: Any = None
    ) -> Report:
        return self.reconcile(busy=busy)(str(uuid4()), scope, "ann", repair=repair, ask=ask)

    def codes(self, **options: Any) -> dict[str, int]:
        return self.look(**options).counts

    def admitted(self, path: Any, run: Any) -> str:
        """The batch of this file, with its rows as jobs."""
        batch_id = run("batch", "upload", path, "--json").json()["batch_id"]
        self.system.admit(batch_id)
        return str(batch_id)

    def send(self, batch_id: str, sent_by: Mapping[str, str] | None = None) -> None:
        """Let every job reach the end of its route, as workers would: with a start before what acts.

        `sent_by` names the provider of a job.
        """
        for stage in self.system.app.stages:
            if stage != "dispatch":
                self.system.settle(batch_id, stage)
                continue
            self.start(batch_id, self.job_ids(batch_id))
            for job_id in self.job_ids(batch_id):
                output = {"message_id": f"m-{job_id}"} | ({"provider": sent_by[job_id]} if sent_by else {})
                self.system.settle(batch_id, stage, Done(output), only=[job_id])

    def start(self, batch_id: str, jobs: Sequence[str]) -> None:
        """Record that the provider is about to be called."""
        commands = [
            (
                job_id,
                StartStage(
                    job_id=job_id,
                    at=utc_now(),
                    stage="dispatch",
                    attempt=1,
                    idempotency_key=idempotency_key(job_id, "dispatch"),
                ),
            )
            for job_id in jobs
        ]
        cause = Cause(command_id=command_id(batch_id, "start", uuid4()), correlation_id=batch_id, actor="worker")
        handle_many(self.system.app.ledger, decider, commands, cause)
        self.system.project()

    def close(self) -> None:
        self.system.app.close_batches()
        self.system.project()

    def job_ids(self, batch_id: str) -> list[str]:
        return [job.job_id for job in self.system.app.queries.jobs(batch_id=batch_id, limit=1_000)]

    def force(self, stream: str, batch_id: str, *events: Event) -> None:
        """Record what the rules would refuse: a bug, or somebody else's program."""
        ledger = self.system.app.ledger
        cause = Cause(command_id=str(uuid4()), correlation_id=batch_id, actor="bug")
        [answer] = ledger.append([Append(stream, ledger.load(stream).version, events, cause)])
        assert isinstance(answer, range)
        self.system.project()

    def execute(self, statement: str, *asked: Any) -> int:
        """At the database, as its owner."""
        with psycopg.connect(self.owner_url) as connection:
            return connection.execute(statement, asked).rowcount

    @contextmanager
    def unguarded(self):
        """The owner switches the ledger's guard off, tampers, and switches it on again."""
        with psycopg.connect(self.owner_url) as connection:
            connection.execute("ALTER TABLE ledger.stored_events DISABLE TRIGGER append_only")
            yield connection
            connection.execute("ALTER TABLE ledger.stored_events ENABLE ALWAYS TRIGGER append_only")

    def age(self, by: timedelta = timedelta(hours=1), where: str = "true") -> None:
        """As if it had been recorded earlier."""
        with self.unguarded() as connection:
            connection.execute(f"UPDATE ledger.stored_events SET recorded_at = recorded_at - %s WHERE {where}", (by,))  # noqa: S608 - the tests' own words
