"""Run one stage for a chunk of jobs: load them in one query, act, record what came of it in one append."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import monotonic

from dispatch.application.accidents import is_accident
from dispatch.application.calling.call import Passed, call, wait_until
from dispatch.application.calling.line import Line
from dispatch.application.calling.switchboard import Assigned, Later, NotNow, Switchboard, Wanted
from dispatch.application.calling.wanting import wanted
from dispatch.application.gatekeeper import Gatekeeper
from dispatch.application.given_back import GivenBack
from dispatch.application.jobs_in_hand import InHand, JobsInHand, is_due, parted
from dispatch.application.known_jobs import KnownJobs
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import EventLedger, LedgerUnavailable
from dispatch.application.ports.privacy import PersonVault
from dispatch.application.ports.registers import Registers
from dispatch.application.stages.stage import ProviderStage, PureStage, RegisterStage, Stage, Task
from dispatch.application.tenants import TenantOf
from dispatch.application.told import told
from dispatch.domain.job.commands import (
    OUTCOME_UNKNOWN,
    Block,
    Defer,
    GiveUp,
    Outcome,
    PassOver,
    RecordOutcome,
    StartStage,
    TryAgain,
)
from dispatch.domain.job.keys import idempotency_key
from dispatch.domain.job.state import JobStatus
from dispatch.domain.retry import RetryPolicy

CONFLICTS_MAX = 8
LOOK_EVERY_S = 0.1
ERASED = Block("UK GDPR 17", "person_erased")
"""The answer of every stage that would need a person whose data was erased: nobody is left to be contacted."""

_NO_RETRY = RetryPolicy(attempts_max=1)


@dataclass(frozen=True)
class RunStage:
    """The worker's use case. Safe to repeat: a job that has moved on is left alone, an attempt counts once."""

    ledger: EventLedger
    stages: Mapping[str, Stage]
    persons: PersonVault
    board: Switchboard
    clock: Clock
    chance: Callable[[], float]  # In [0, 1): spreads retries.
    actor: str = "worker"
    known: KnownJobs | None = None
    tenant_of: TenantOf | None = None  # Where each who brings batches has a limit.
    gates: Gatekeeper | None = None
    registers: Registers | None = None  # For the stages that look into one.
    stopping: Callable[[], bool] = lambda: False  # Is the process to stop? Then nothing is waited for any more.

    @cached_property
    def in_hand(self) -> JobsInHand:
        """Where its jobs come from, and where they are recorded."""
        return JobsInHand(self.ledger, self.persons, self.clock, self.chance, self.actor, self.known, self.gates)

    async def __call__(self, stage_name: str, job_ids: Sequence[str]) -> int:
        """Run this stage for those of the jobs that are due at it; answers how many that were.

        Raises:
            KeyError: no such stage.
            LedgerUnavailable, VersionConflict, KeyMissing: nothing is lost; run it again.
            GivenBack: the stage is paused; or the process is to stop while some wait: the others are recorded.
            Exception: a stage crashed on a job, or its person is unreadable; what the others came to is recorded. See
                `isolate`.
        """
        stage = self.stages[stage_name]
        if isinstance(stage, ProviderStage):
            due = await asyncio.to_thread(self.in_hand.load_due, stage, job_ids)
            crashes = await self._ask(stage, due) if due else []
        else:
            due, crashes = await asyncio.to_thread(self._pass, stage, job_ids)
        # What it remembered was old: what is due of it now, only the ledger knows. Else it would wait for its lease.
        if overtaken := [one.job_id for one in due if one.from_memory and one.overtaken]:
            await self(stage_name, overtaken)
        if crashes:
            raise crashes[0]
        return len(due)

    async def closed(self, stage_name: str) -> str:
        """Why this stage can do nothing at present, so that its work is left alone; empty when it can.

        Without an answer of Postgres it is taken for open: the work itself will tell.
        """
        stage = self.stages[stage_name]
        if not isinstance(stage, ProviderStage):
            return ""
        try:
            closed = await self.board.closed(stage.provider)
        except LedgerUnavailable:
            return ""
        return closed.reason if closed else ""

    def _pass(self, stage: PureStage | RegisterStage, job_ids: Sequence[str]) -> tuple[list[InHand], list[Exception]]:
        due = self.in_hand.load_due(stage, job_ids)
        if isinstance(stage, PureStage) or not due:
            return due, self._record(stage, due, {})
        if self.registers is None:
            raise LookupError(f"stage {stage.name} looks into a register, and there is none")
        at = self.clock()
        tasks = [Task(one.job_id, one.job, at, "") for one in due if not one.erased]
        return due, self._record(stage, due, stage.decide(tasks, self.registers))

    async def _ask(self, stage: ProviderStage, due: list[InHand]) -> list[Exception]:
        waiting = await self._without_erased(stage, due)
        waiting, unknown = parted(
            waiting, lambda one: one.in_doubt and self.board.only_a_person_knows(stage.provider, one.job.provider)
        )
        crashes = await self._record_all(stage, unknown, GiveUp(OUTCOME_UNKNOWN, in_doubt=True))
        known = told(stage, waiting, self.board, self.clock())
        waiting, answered = parted(waiting, lambda one: one.job_id in known)
        crashes += await asyncio.to_thread(self._record, stage, answered, known)
        if self.tenant_of and stage.acts:
            await asyncio.to_thread(self.tenant_of.learn, [one.job.batch_id for one in waiting])
        while waiting:
            answers = await self.board.assign(stage.provider, [self._wanted(stage, one) for one in waiting])
            assigned: list[tuple[InHand, Assigned]] = []
            later: list[InHand] = []
            outcomes: dict[str, Outcome] = {}
            pause_s = 0.0
            for one in waiting:
                match answers[one.job_id]:
                    case Assigned() as answer:
                        assigned.append((one, answer))
                    case NotNow(reason, wait_s):
                        outcomes[one.job_id] = Defer(reason, wait_s)
                    case Later(wait_s):
                        later.append(one)
                        pause_s = max(pause_s, wait_s)
                    case None:
                        outcomes[one.job_id] = TryAgain(one.passed_over)
            put_off = [one for one in waiting if one.job_id in outcomes]
            crashes += await asyncio.to_thread(self._record, stage, put_off, outcomes)
            passed, crashed = await self._act(stage, assigned)
            crashes += crashed
            waiting = passed + later
            if later and not passed:
                await self._wait(pause_s)
        return crashes

    async def _wait(self, seconds: float) -> None:
        """For the turn of what is in hand. Raises GivenBack when the process is to stop before that."""
        until = monotonic() + seconds
        while (left_s := until - monotonic()) > 0:
            if self.stopping():
                raise GivenBack
            await asyncio.sleep(min(left_s, LOOK_EVERY_S))
        if self.stopping():
            raise GivenBack

    async def _act(
        self, stage: ProviderStage, assigned: list[tuple[InHand, Assigned]]
    ) -> tuple[list[InHand], list[Exception]]:
        """Call the providers and record what came of it; answers those for which the next one is to be asked."""
        after_s = {one.job_id: (monotonic() + answer.after_s, answer.line) for one, answer in assigned}
        waiting = [one for one, _ in assigned]
        for one, answer in assigned:
            one.provider = answer.line.name
        if stage.acts:
            waiting = await asyncio.to_thread(self._start, stage, waiting)
            # Asked again at the last moment: an erasure that was recorded before the call leaves no call (PE10).
            await asyncio.to_thread(self.in_hand.read_persons, stage, waiting)
            waiting = await self._without_erased(stage, waiting)
        answers, crashes = await self._call(stage, waiting, after_s)
        outcomes: dict[str, Outcome] = {}
        passed: list[InHand] = []
        for one in waiting:
            match answers.get(one.job_id):
                case None:
                    pass  # It crashed.
                case Passed(error_code):
                    self._pass_over(stage, one, error_code)
                    passed.append(one)
                case outcome:
                    outcomes[one.job_id] = outcome
        answered = [one for one in waiting if one.job_id in outcomes]
        return passed, crashes + await asyncio.to_thread(self._record, stage, answered, outcomes)

    def _wanted(self, stage: ProviderStage, one: InHand) -> Wanted:
        tenant = self.tenant_of(one.job.batch_id) if self.tenant_of else ""
        return wanted(stage, one.job_id, one.job, in_doubt=one.in_doubt, tenant=tenant)

    def _pass_over(self, stage: ProviderStage, one: InHand, error_code: str) -> None:
        one.passed_over = error_code
        one.decide(
            PassOver(
                job_id=one.job_id,
                at=self.clock(),
                stage=stage.name,
                attempt=one.job.attempt,
                provider=one.provider,
                error_code=error_code,
            )
        )

    async def _record_all(self, stage: Stage, opened: list[InHand], outcome: Outcome) -> list[Exception]:
        if not opened:
            return []
        return await asyncio.to_thread(self._record, stage, opened, {one.job_id: outcome for one in opened})

    async def _without_erased(self, stage: ProviderStage, due: list[InHand]) -> list[InHand]:
        kept, erased = parted(due, lambda one: one.erased)
        if erased:
            await asyncio.to_thread(self._record, stage, erased, {})
        return kept

    async def isolate(self, stage_name: str, job_ids: Sequence[str]) -> dict[str, str]:
        """Run a chunk that crashed job by job: the good ones pass, a job that crashes the stage goes before a person.

        Answers the crash of each such job. Raises as `__call__` for what is not the job's fault.
        """
        crashes: dict[str, str] = {}
        _ = self.stages[stage_name]  # A KeyError from here on is a crash of the stage.
        for job_id in job_ids:
            try:
                await self(stage_name, [job_id])
            except Exception as crash:
                if is_accident(crash):
                    raise
                crashes[job_id] = type(crash).__name__  # Its text may hold what it stumbled over.
                await asyncio.to_thread(self._quarantine, stage_name, job_id)
        return crashes

    def _quarantine(self, stage_name: str, job_id: str) -> None:
        now = self.clock()
        for opened in self.in_hand.load([job_id]):
            if not is_due(opened.job, stage_name, now):
                continue
            opened.decide(
                RecordOutcome(
                    job_id=job_id,
                    at=now,
                    stage=stage_name,
                    attempt=opened.job.attempt,
                    outcome=GiveUp("stage_crashed"),
                    retry=_NO_RETRY,
                )
            )
            self.in_hand.append(stage_name, "quarantine", [opened])

    def _start(self, stage: ProviderStage, due: list[InHand]) -> list[InHand]:
        """Record the attempts before the provider is asked. One that another worker took meanwhile is left to it."""
        at = self.clock()
        for opened in due:
            key = idempotency_key(opened.job_id, stage.name, opened.job.message_number)
            opened.decide(
                StartStage(
                    job_id=opened.job_id,
                    at=at,
                    stage=stage.name,
                    attempt=opened.job.attempt,
                    idempotency_key=key,
                    provider=opened.provider,
                )
            )
        conflicts = self.in_hand.append(stage.name, "start", due)
        return [opened for opened in due if opened.job_id not in conflicts]

    async def _call(
        self, stage: ProviderStage, due: list[InHand], calls: Mapping[str, tuple[float, Line]]
    ) -> tuple[dict[str, Outcome | Passed], list[Exception]]:
        """What came of each job. One that crashes must not cost the others their answers: they may be paid for."""
        answers: dict[str, Outcome | Passed] = {}
        crashes: list[Exception] = []
        at, waiting = self.clock(), iter(due)

        async def lane() -> None:
            for one in waiting:
                call_at, line = calls[one.job_id]
                key = idempotency_key(one.job_id, stage.name, one.job.message_number)
                task = Task(one.job_id, one.job, at, key, line.name)
                await wait_until(call_at)
                try:
                    async with self.board.slot(line):
                        answers[one.job_id] = await call(
                            stage,
                            task,
                            line,
                            self.board.standings,
                            in_doubt=one.in_doubt,
                            has_next=self.board.has_next(stage.provider, self._wanted(stage, one), line),
                        )
                except Exception as crash:
                    crashes.append(crash)

        await asyncio.gather(*(lane() for _ in range(min(stage.in_flight_max, len(due)))))
        return answers, crashes

    def _record(self, stage: Stage, due: list[InHand], outcomes: Mapping[str, Outcome]) -> list[Exception]:
        """Answers the crashes of pure stages: such a job is recorded up to the stage at which it crashed."""
        attempts = {opened.job_id: opened.job.attempt for opened in due}
        waiting, crashes = due, list[Exception]()
        for _ in range(CONFLICTS_MAX):
            for opened in waiting:
                try:
                    self._decide(stage, opened, attempts[opened.job_id], outcomes.get(opened.job_id))
                except Exception as crash:
                    crashes.append(crash)
            conflicts = self.in_hand.append(stage.name, "record", waiting)
            self.in_hand.remember(opened for opened in waiting if opened.job_id not in conflicts)
            if not conflicts:
                return crashes
            waiting = self.in_hand.load(list(conflicts))  # Someone wrote first: decide again, on what they wrote.
            self.in_hand.read_persons(stage, waiting)
        raise next(iter(conflicts.values()))

    def _decide(self, stage: Stage, opened: InHand, attempt: int, outcome: Outcome | None) -> None:
        """Record the outcome, then pass the pure stages that follow in the same append."""
        at = self.clock()
        here: Stage | None = stage
        while here is not None:
            if here is stage and opened.erased:
                answer: Outcome = ERASED
            elif isinstance(here, PureStage) and not (here.reads_person and opened.job.person.encrypted):
                answer = here.decide(Task(opened.job_id, opened.job, at, ""))
            elif outcome is not None:
                answer, outcome = outcome, None
            else:
                return
            before = opened.job
            opened.decide(
                RecordOutcome(
                    job_id=opened.job_id,
                    at=at,
                    stage=here.name,
                    attempt=attempt,
                    outcome=answer,
                    retry=here.retry if isinstance(here, ProviderStage) else _NO_RETRY,
                    chance=self.chance(),
                    provider=opened.provider if here is stage else "",
                )
            )
            job, attempt = opened.job, opened.job.attempt
            moved_on = job is not before and job.status is JobStatus.RUNNING and job.stage != here.name
            here = self.stages.get(job.stage) if moved_on and self.in_hand.is_open(job.stage) else None
