"""Say what a file would come to, by the same rules as a real run, and write nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import cast

from msgspec.structs import replace

from dispatch.application.intake.forecast import (
    Estimate,
    Forecast,
    GateCount,
    Pace,
    SameFile,
    StageCalls,
    WouldBe,
)
from dispatch.application.intake.inspect import FileFacts
from dispatch.application.intake.judge import Judgement, good_rows, judge
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.receive import Upload
from dispatch.application.intake.row import GoodRow
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import EventLedger
from dispatch.application.ports.natural_keys import NaturalKeys
from dispatch.application.ports.providers import Channel
from dispatch.application.ports.queries import BatchRow, Queries
from dispatch.application.stages.stage import ProviderStage, Stage
from dispatch.domain import identity
from dispatch.domain.batch.commands import ReceiveBatch, RecordJudgement
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.desk import DeskRules
from dispatch.domain.batch.events import ApprovalRequested, BatchReceived, BatchRejected, Event
from dispatch.domain.consent import clear_to_contact
from dispatch.domain.rows import Budget, error_rate

ERRORS_SHOWN = 10
ROWS_PER_LOOK = 10_000
BATCHES_MEASURED = 20
GATE = "clear"

_Answer = tuple[bool, str, str, Channel]


@dataclass(frozen=True)
class DryRun:
    """The use case behind `--dry-run`: reads the ledger, the register of references and the views, writes to none."""

    ledger: EventLedger
    natural_keys: NaturalKeys
    queries: Queries
    stages: Mapping[str, Stage]
    prices_pence: Mapping[str, float]  # A call, by stage.
    desk: DeskRules
    clock: Clock

    def __call__(
        self, upload: Upload, profile: Profile, *, error_threshold_percent: int = 10, force: bool = False
    ) -> Forecast:
        """What would become of an upload that arrived whole; its caller discards it.

        Raises:
            FileRefused: the file would be refused.
            ThresholdOutOfRange: not a whole per cent from 0 to 100.
            LedgerUnavailable, ViewsUnavailable: ask again.
        """
        path, facts = upload.finish()
        received = self._receive(facts, profile, error_threshold_percent)
        known = self.ledger.load(received.batch_id).events
        if known and not force:
            return _nothing(cast("BatchReceived", known[0]), received)
        found = judge(path, profile, budget=Budget(error_threshold_percent))
        verdict = self._verdict(found, received)
        forecast = Forecast(
            would_be=WouldBe.ADMITTED,
            file_hash=facts.sha256,
            file_bytes=facts.bytes,
            profile=profile.name,
            error_threshold_percent=error_threshold_percent,
            rows=found.rows,
            accepted=found.accepted,
            rejected=found.rejected,
            duplicates=found.duplicates,
            errors_by_code=found.errors_by_code,
            first_errors=found.errors[:ERRORS_SHOWN],
            error_rate_percent=error_rate(found.rejected, found.rows),
            value_pence=found.value_pence,
        )
        match verdict:
            case BatchRejected(reason=reason):
                return replace(forecast, would_be=WouldBe.REJECTED, reason=reason, budget_holds=False)
            case ApprovalRequested(reason=reason):
                forecast = replace(forecast, would_be=WouldBe.AWAITING_APPROVAL, reason=reason)
            case _:
                pass
        return self._admitted(forecast, path, profile)

    def _receive(self, facts: FileFacts, profile: Profile, error_threshold_percent: int) -> BatchReceived:
        command = ReceiveBatch(
            batch_id=identity.batch_id(facts.sha256),
            at=self.clock(),
            file_name="",
            file_hash=facts.sha256,
            file_bytes=facts.bytes,
            profile=profile.name,
            error_threshold_percent=error_threshold_percent,
        )
        [received] = decider.decide(command, decider.initial())
        return cast("BatchReceived", received)

    def _verdict(self, found: Judgement, received: BatchReceived) -> Event:
        """What the rules of batches say of this judgement."""
        command = RecordJudgement(
            batch_id=received.batch_id,
            at=received.at,
            rows=found.rows,
            accepted=found.accepted,
            rejected=found.rejected,
            duplicates=found.duplicates,
            errors=found.errors,
            errors_by_code=found.errors_by_code,
            parse_duration_ms=0,
            value_pence=found.value_pence,
            stopped_at_row=found.stopped_at_row,
            rows_at_most=found.rows_at_most,
            desk=self.desk,
            drift=found.drift,
        )
        return decider.decide(command, decider.fold([received]))[-1]

    def _admitted(self, forecast: Forecast, path: Path, profile: Profile) -> Forecast:
        today, known, gate = self.clock().date(), 0, Counter[_Answer]()
        for rows in _many(good_rows(path, profile), ROWS_PER_LOOK):
            owned = self.natural_keys.known(profile.name, [row.natural_key for row in rows])
            for row in rows:
                if row.natural_key in owned:
                    known += 1
                    continue
                clearance = clear_to_contact(row.permission, today)
                gate[clearance.allowed, clearance.rule, clearance.reason, _channel(row)] += 1
        jobs = sum(gate.values())
        allowed = sum(count for (is_allowed, *_), count in gate.items() if is_allowed)
        calls = self._calls(profile.route, jobs, allowed)
        costs = [stage.cost_pence for stage in calls if stage.cost_pence is not None]
        return replace(
            forecast,
            known_references=known,
            jobs=jobs,
            gate=tuple(
                GateCount(allowed=is_allowed, rule=rule, reason=reason, channel=channel, rows=count)
                for (is_allowed, rule, reason, channel), count in sorted(gate.items())
            ),
            allowed=allowed,
            blocked=jobs - allowed,
            calls=calls,
            cost_pence=round(sum(costs), 4) if costs else None,
            estimate=self._estimate(forecast.rows, jobs),
        )

    def _calls(self, route: tuple[str, ...], jobs: int, allowed: int) -> tuple[StageCalls, ...]:
        """Each job calls each provider of its route once, or once a part; behind the gate those let through."""
        calls, count = [], jobs
        for name in route:
            if name == GATE:
                count = allowed
            stage = self.stages.get(name)
            if isinstance(stage, ProviderStage):
                price = self.prices_pence.get(name)
                made = count * stage.parts
                cost = None if price is None else round(price * made, 4)
                calls.append(
                    StageCalls(stage=name, provider=stage.provider, calls=made, price_pence=price, cost_pence=cost)
                )
        return tuple(calls)

    def _estimate(self, rows: int, jobs: int) -> Estimate:
        pace, ahead = measured_pace(self.queries.batches(limit=BATCHES_MEASURED)), self.queries.job_totals().running
        seconds = None
        if pace.rows_per_s and pace.jobs_per_s:
            seconds = round(rows / pace.rows_per_s + (ahead + jobs) / pace.jobs_per_s, 1)
        return Estimate(pace=pace, jobs_ahead=ahead, seconds=seconds)


def measured_pace(batches: Iterable[BatchRow]) -> Pace:
    """The rates of batches that have ended: of rows over the time of intake, of jobs from admission to the end."""
    rows_per_s, jobs_per_s = [], []
    for batch in batches:
        intake_ms = batch.parse_duration_ms + batch.db_duration_ms
        if batch.closed_at is None or batch.admitted_at is None or not batch.jobs or not intake_ms:
            continue
        began_at = batch.judged_at or batch.admitted_at  # Jobs run while others of the batch are still recorded.
        rows_per_s.append(1000 * batch.rows / intake_ms)
        jobs_per_s.append(batch.jobs / max(0.001, (batch.closed_at - began_at).total_seconds()))
    if not rows_per_s:
        return Pace(batches=0, rows_per_s=0.0, jobs_per_s=0.0)
    return Pace(
        batches=len(rows_per_s), rows_per_s=round(median(rows_per_s), 1), jobs_per_s=round(median(jobs_per_s), 2)
    )


def _nothing(first: BatchReceived, received: BatchReceived) -> Forecast:
    same = SameFile(batch_id=first.batch_id, file_name=first.file_name, received_at=first.at, received_by=first.by)
    return Forecast(
        would_be=WouldBe.NOTHING,
        reason="the same content was received before",
        same_file=same,
        file_hash=received.file_hash,
        file_bytes=received.file_bytes,
        profile=received.profile,
        error_threshold_percent=received.error_threshold_percent,
    )


def _channel(row: GoodRow) -> Channel:
    return Channel.EMAIL if row.person.email else Channel.SMS


def _many(rows: Iterator[GoodRow], size: int) -> Iterator[list[GoodRow]]:
    while chunk := list(islice(rows, size)):
        yield chunk
