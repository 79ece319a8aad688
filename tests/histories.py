"""A random history of batches and jobs, made by the real rules: for views, which must follow whatever can happen."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from dispatch.application.handle import handle
from dispatch.application.ports.ledger import Append, Cause, EventLedger
from dispatch.domain.batch import commands as ask_batch
from dispatch.domain.batch.decide import decider as batches
from dispatch.domain.batch.state import Batch, BatchStatus
from dispatch.domain.errors import DomainError
from dispatch.domain.identity import batch_id, job_ids, notification_id
from dispatch.domain.job import commands as ask_job
from dispatch.domain.job.decide import decider as jobs
from dispatch.domain.job.keys import idempotency_key
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.job.state import Job
from dispatch.domain.retry import RetryPolicy
from examples import ANN, BAD_MONEY, CONSENTED, NOON
from ledgers import new_id

ROUTE = ("validate", "verify", "dispatch", "confirm")
TWICE = RetryPolicy(attempts_max=2)
OUTCOMES: list[ask_job.Outcome] = [
    *[ask_job.Done({"verdict": "valid"})] * 12,
    *[ask_job.TryAgain("timeout")] * 4,
    ask_job.GiveUp("no_such_contact"),
    ask_job.Block("PE8", "objected"),
]


class World:
    """Batches and jobs in one ledger; each step is one thing that happens somewhere."""

    def __init__(self, ledger: EventLedger, seed: int) -> None:
        self.ledger, self.chance = ledger, random.Random(seed)
        self.batch_ids: list[str] = []
        self.job_ids: list[str] = []
        self.seconds = 0

    @property
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def history(self, *, batches: int, steps: int) -> Iterator[None]:
        """So many batches and, between and after them, so many steps of jobs, one per `next`."""
        for number in range(batches):
            self.notify(number)
            yield from self.bring_batch(number)
            for _ in range(steps // batches):
                self.step()
                yield
        self.close_batches()

    def bring_batch(self, number: int) -> Iterator[None]:
        """Received, judged, then admitted in two chunks, or rejected."""
        file_hash = f"{self.chance.getrandbits(256):064x}"
        batch, refused = batch_id(file_hash), self.chance.choice([0, 0, 1, 3])
        good = self.chance.randint(2, 12)
        self.seconds += 1
        self.batch_ids.append(batch)
        received_at = self.now
        self._ask(
            ask_batch.ReceiveBatch(
                batch_id=batch,
                at=received_at,
                file_name=f"jobs-{number}.csv",
                file_hash=file_hash,
                file_bytes=1024,
                profile="service-jobs",
                error_threshold_percent=20,
                by="ann",
            )
        )
        yield
        self._ask(
            ask_batch.RecordJudgement(
                batch_id=batch,
                at=self.now,
                rows=good + refused + 1,
                accepted=good,
                rejected=refused,
                duplicates=1,
                errors=(BAD_MONEY,) * min(refused, 1),
                errors_by_code={"invalid_money": refused} if refused else {},
                parse_duration_ms=45,
            )
        )
        yield
        if self._batch(batch).status is BatchStatus.ADMITTING:
            yield from self._admit(batch, received_at, good)

    def notify(self, number: int) -> None:
        """Two single messages, which belong to no batch; the second one waits for its time."""
        for scheduled_at in (None, self.now + timedelta(minutes=1)):
            opened = ask_job.OpenJob(
                job_id=notification_id(f"{number}, scheduled for {scheduled_at}"),
                at=self.now,
                batch_id="",
                row=0,
                reference=f"N-{number}",
                service="notification",
                price_pence=0,
                route=ROUTE[1:],
                person=ANN,
                permission=CONSENTED,
                channel=("sms", "push", "email")[number % 3],
                priority=list(JobPriority)[number % 3],
                scheduled_at=scheduled_at,
            )
            handle(self.ledger, jobs, opened.job_id, opened, self._cause(""))
            self.job_ids.append(opened.job_id)

    def step(self) -> None:
        """Something is asked of some job; what the rules refuse does not happen."""
        self.seconds += 1
        if not self.job_ids:
            return
        job_id = self.chance.choice(self.job_ids)
        job = jobs.fold(self.ledger.load(job_id).events)  # type: ignore[arg-type]  # Its stream holds its events.
        try:
            handle(self.ledger, jobs, job_id, self._command(job_id, job), self._cause(job.batch_id))
        except DomainError:
            return

    def close_batches(self) -> None:
        """End what can be ended: batches all of whose jobs have."""
        for batch in self.batch_ids:
            ended = [jobs.fold(self.ledger.load(job).events) for job in self.job_ids]  # type: ignore[arg-type]  # as above
            counts = {
                status: sum(job.status == status for job in ended if job.batch_id == batch)
                for status in ("delivered", "blocked", "cancelled", "archived")
            }
            try:
                self._ask(ask_batch.CloseBatch(batch_id=batch, at=self.now, **counts))
            except DomainError:
                continue

    def _command(self, job_id: str, job: Job) -> ask_job.Command:
        stage, attempt = job.stage, job.attempt
        match self.chance.randrange(30):
            case 0:
                return ask_job.CancelJob(job_id=job_id, at=self.now, by="ann", reason="customer moved")
            case 1 | 2 | 28:
                return ask_job.ArchiveJob(job_id=job_id, at=self.now, by="ann", reason="told by phone")
            case 3 | 4 | 29:
                to = self.chance.choice(ROUTE)
                return ask_job.RerouteJob(job_id=job_id, at=self.now, stage=to, by="ann", reason="verifier is down")
            case 5 | 6 | 7:
                return ask_job.ResumeJob(job_id=job_id, at=self.now, by="ann")
            case 8 | 9 | 10 if stage == "dispatch":
                key = idempotency_key(job_id, stage)
                return ask_job.StartStage(job_id=job_id, at=self.now, stage=stage, attempt=attempt, idempotency_key=key)
            case 26 | 27:
                return ask_job.RecordReceipt(
                    job_id=job_id,
                    at=self.now,
                    provider="main",
                    status=self.chance.choice(list(ReceiptStatus)),
                    said_at=self.now,
                    message_id=f"m-{job_id}",
                    idempotency_key=self.chance.choice(["", idempotency_key(job_id, "dispatch")]),
                )
            case _:
                return ask_job.RecordOutcome(
                    job_id=job_id,
                    at=self.now,
                    stage=stage,
                    attempt=attempt,
                    outcome=self._outcome(job_id, stage),
                    retry=TWICE,
                    chance=self.chance.random(),
                )

    def _outcome(self, job_id: str, stage: str) -> ask_job.Outcome:
        outcome = self.chance.choice(OUTCOMES)
        if stage == "dispatch" and isinstance(outcome, ask_job.Done):
            return ask_job.Done({"message_id": f"m-{job_id}", "provider": "main"})
        return outcome

    def _admit(self, batch: str, received_at: datetime, good: int) -> Iterator[None]:
        id_of = job_ids(batch, received_at)
        half = good // 2
        for chunk, rows in enumerate((range(1, half + 1), range(half + 1, good + 1)), 1):
            history = self.ledger.load(batch)
            cause = self._cause(batch)
            duplicates = self.chance.choice([0, 1])
            admit = ask_batch.AdmitChunk(
                batch_id=batch,
                at=self.now,
                chunk=chunk,
                row_through=rows.stop - 1,
                jobs=len(rows) - duplicates,
                duplicates=duplicates,
            )
            opened = [self._opened(batch, id_of(row), row) for row in rows[duplicates:]]
            marker = Append(batch, history.version, batches.decide(admit, self._batch(batch)), cause)
            self.ledger.append_bulk(marker, [Append(job.job_id, 0, jobs.decide(job, Job()), cause) for job in opened])
            self.job_ids += [job.job_id for job in opened]
            yield
        self._ask(ask_batch.FinishAdmission(batch_id=batch, at=self.now, db_duration_ms=120))

    def _opened(self, batch: str, job_id: str, row: int) -> ask_job.OpenJob:
        return ask_job.OpenJob(
            job_id=job_id,
            at=self.now,
            batch_id=batch,
            row=row,
            reference=f"JOB-{row:04d}",
            service="boiler service",
            price_pence=9500,
            route=ROUTE,
            person=ANN,
            permission=CONSENTED,
        )

    def _ask(self, command: ask_batch.Command) -> None:
        handle(self.ledger, batches, command.batch_id, command, self._cause(command.batch_id))

    def _batch(self, batch: str) -> Batch:
        return batches.fold(self.ledger.load(batch).events)  # type: ignore[arg-type]  # as above

    def _cause(self, batch: str) -> Cause:
        return Cause(command_id=new_id(), correlation_id=batch, actor="simulation")
