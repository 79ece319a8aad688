"""Run one stage for a chunk of jobs: load them in one query, act, record what came of it in one append."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from msgspec.structs import replace

from dispatch.application.known_jobs import KnownJobs
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Append, Cause, EventLedger, LedgerUnavailable, VersionConflict
from dispatch.application.ports.privacy import KeyMissing, PersonUnreadable, PersonVault
from dispatch.application.ports.providers import ProviderRefused, Providers, ProviderUnavailable
from dispatch.application.stages.stage import ProviderStage, PureStage, Stage, Task
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import Block, GiveUp, Outcome, RecordOutcome, StartStage, TryAgain
from dispatch.domain.job.decide import decider, idempotency_key
from dispatch.domain.job.events import Event, StageCompleted
from dispatch.domain.job.state import AT_A_STAGE, Job, JobStatus
from dispatch.domain.person import Person
from dispatch.domain.retry import RetryPolicy

CONFLICTS_MAX = 8
CLOCKS_APART = timedelta(seconds=1)
ERASED = Block("UK GDPR 17", "person_erased")
"""The answer of every stage that would need a person whose data was erased: nobody is left to be contacted."""

_NO_RETRY = RetryPolicy(attempts_max=1)


@dataclass
class _Opened:
    """A job in hand: its state, the version it was loaded at, and what was decided since."""

    job_id: str
    job: Job
    version: int
    stored: Person  # As the ledger holds it: what the vault is asked about, at each look.
    decided: list[Event] = field(default_factory=list)
    erased: bool = False  # The person was needed, and is not to be had any more.
    person_changed: bool = False

    def decide(self, command: StartStage | RecordOutcome) -> None:
        for event in decider.decide(command, self.job):
            if type(event) is StageCompleted and event.person is not None:
                self.person_changed = True
            self.job = decider.evolve(self.job, event)
            self.decided.append(event)


@dataclass(frozen=True)
class RunStage:
    """The worker's use case. Safe to repeat: a job that has moved on is left alone, an attempt counts once."""

    ledger: EventLedger
    stages: Mapping[str, Stage]
    persons: PersonVault
    providers: Providers
    clock: Clock
    chance: Callable[[], float]  # In [0, 1): spreads retries.
    actor: str = "worker"
    known: KnownJobs | None = None

    async def __call__(self, stage_name: str, job_ids: Sequence[str]) -> int:
        """Run this stage for those of the jobs that are due at it; answers how many that were.

        Raises:
            KeyError: no such stage.
            LedgerUnavailable, VersionConflict, KeyMissing: nothing is lost; run it again.
            Exception: a stage crashed on a job, or its person is unreadable; what the others came to is recorded. See
                `isolate`.
        """
        stage = self.stages[stage_name]
        due = await asyncio.to_thread(self._load_due, stage, job_ids)
        if not due:
            return 0
        if isinstance(stage, PureStage):
            crashes = await asyncio.to_thread(self._record, stage, due, {})
        else:
            crashes = await self._ask(stage, due)
        if crashes:
            raise crashes[0]
        return len(due)

    async def _ask(self, stage: ProviderStage, due: list[_Opened]) -> list[Exception]:
        waiting = await self._without_erased(stage, due)
        if stage.acts:
            waiting = await asyncio.to_thread(self._start, stage, waiting)
            # Asked again at the last moment: an erasure that was recorded before the call leaves no call (PE10).
            await asyncio.to_thread(self._read_persons, stage, waiting)
            waiting = await self._without_erased(stage, waiting)
        outcomes, crashes = await self._call(stage, waiting)
        answered = [opened for opened in waiting if opened.job_id in outcomes]
        return crashes + await asyncio.to_thread(self._record, stage, answered, outcomes)

    async def _without_erased(self, stage: ProviderStage, due: list[_Opened]) -> list[_Opened]:
        erased = [opened for opened in due if opened.erased]
        if erased:
            await asyncio.to_thread(self._record, stage, erased, {})
        return [opened for opened in due if not opened.erased]

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
        for opened in self._load([job_id]):
            if not _is_due(opened.job, stage_name, now):
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
            self._append(stage_name, "quarantine", [opened])

    def _load_due(self, stage: Stage, job_ids: Sequence[str]) -> list[_Opened]:
        now = self.clock()
        at_hand = self._known_due(stage.name, job_ids, now)
        loaded = self._load([job_id for job_id in job_ids if job_id not in at_hand])
        due = [*at_hand.values(), *(opened for opened in loaded if _is_due(opened.job, stage.name, now))]
        self._read_persons(stage, due)
        return due

    def _known_due(self, stage_name: str, job_ids: Sequence[str], now: datetime) -> dict[str, _Opened]:
        """Those that this process itself has just brought to this stage. About any others only the ledger knows."""
        known = self.known.take(job_ids) if self.known else {}
        return {
            job_id: _Opened(job_id, one.job, one.version, one.job.person)
            for job_id, one in known.items()
            if _is_due(one.job, stage_name, now)
        }

    def _load(self, job_ids: Sequence[str]) -> list[_Opened]:
        if not job_ids:
            return []
        histories = self.ledger.load_many(job_ids)
        return [
            _Opened(job_id, job, history.version, job.person)
            for job_id, history in histories.items()
            for job in [decider.fold(cast("Sequence[Event]", history.events))]
        ]

    def _read_persons(self, stage: Stage, loaded: Sequence[_Opened]) -> None:
        """Where the stage looks at persons: in plain text from here on, and in memory only."""
        if not stage.reads_person or not loaded:
            return
        persons = self.persons.read({opened.job_id: opened.stored for opened in loaded})
        for opened in loaded:
            person = persons[opened.job_id]
            if person is None:
                opened.erased = True
            else:
                opened.job = replace(opened.job, person=person)

    def _start(self, stage: ProviderStage, due: list[_Opened]) -> list[_Opened]:
        """Record the attempts before the provider is asked. One that another worker took meanwhile is left to it."""
        at = self.clock()
        for opened in due:
            key = idempotency_key(opened.job_id, stage.name)
            opened.decide(
                StartStage(
                    job_id=opened.job_id,
                    at=at,
                    stage=stage.name,
                    attempt=opened.job.attempt,
                    idempotency_key=key,
                )
            )
        conflicts = self._append(stage.name, "start", due)
        return [opened for opened in due if opened.job_id not in conflicts]

    async def _call(self, stage: ProviderStage, due: list[_Opened]) -> tuple[dict[str, Outcome], list[Exception]]:
        """What came of each job. One that crashes must not cost the others their answers: they may be paid for."""
        outcomes: dict[str, Outcome] = {}
        crashes: list[Exception] = []
        at, waiting = self.clock(), iter(due)

        async def lane() -> None:
            for opened in waiting:
                task = Task(opened.job_id, opened.job, at, idempotency_key(opened.job_id, stage.name))
                try:
                    outcomes[opened.job_id] = await stage.call(task, self.providers)
                except ProviderUnavailable as accident:
                    outcomes[opened.job_id] = TryAgain(accident.code, accident.retry_after_s)
                except ProviderRefused as refusal:
                    outcomes[opened.job_id] = GiveUp(refusal.code)
                except Exception as crash:
                    crashes.append(crash)

        await asyncio.gather(*(lane() for _ in range(min(stage.in_flight_max, len(due)))))
        return outcomes, crashes

    def _record(self, stage: Stage, due: list[_Opened], outcomes: Mapping[str, Outcome]) -> list[Exception]:
        """Answers the crashes of pure stages: such a job is recorded up to the stage at which it crashed."""
        attempts = {opened.job_id: opened.job.attempt for opened in due}
        waiting, crashes = due, list[Exception]()
        for _ in range(CONFLICTS_MAX):
            for opened in waiting:
                try:
                    self._decide(stage, opened, attempts[opened.job_id], outcomes.get(opened.job_id))
                except Exception as crash:
                    crashes.append(crash)
            conflicts = self._append(stage.name, "record", waiting)
            self._remember(opened for opened in waiting if opened.job_id not in conflicts)
            if not conflicts:
                return crashes
            waiting = self._load(list(conflicts))  # Someone wrote first: decide again, on what they wrote.
            self._read_persons(stage, waiting)
        raise next(iter(conflicts.values()))

    def _decide(self, stage: Stage, opened: _Opened, attempt: int, outcome: Outcome | None) -> None:
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
                )
            )
            job, attempt = opened.job, opened.job.attempt
            moved_on = job is not before and job.status is JobStatus.RUNNING and job.stage != here.name
            here = self.stages.get(job.stage) if moved_on else None

    def _append(self, stage_name: str, step: str, opened: list[_Opened]) -> dict[str, VersionConflict]:
        decided = [one for one in opened if one.decided]
        if not decided:
            return {}
        # Drawn anew for each append: only a repetition of this very append may take what it finds for its own work.
        asked = command_id(stage_name, step, decided[0].job_id, decided[0].version, self.chance())
        causes = {
            batch_id: Cause(command_id=asked, correlation_id=batch_id, actor=self.actor)
            for batch_id in {one.job.batch_id for one in decided}
        }
        appends = [Append(one.job_id, one.version, one.decided, causes[one.job.batch_id]) for one in decided]
        conflicts: dict[str, VersionConflict] = {}
        for one, answer in zip(decided, self.ledger.append(appends), strict=True):
            if isinstance(answer, VersionConflict):
                conflicts[one.job_id] = answer
            else:
                one.version, one.decided = one.version + len(one.decided), []
        return conflicts

    def _remember(self, recorded: Iterable[_Opened]) -> None:
        """For their next step. Not where the person has changed: how the ledger holds it now, only the ledger knows."""
        if self.known:
            self.known.keep(
                (one.job_id, replace(one.job, person=one.stored), one.version)
                for one in recorded
                if one.job.status is JobStatus.RUNNING and not one.person_changed
            )


def is_accident(error: Exception) -> bool:
    """Is it nobody's fault and over some time, so that the same work is to be tried again as it is?"""
    if isinstance(error, PersonUnreadable):
        return False  # One job's own: the others are not to wait for it.
    return isinstance(error, LedgerUnavailable | VersionConflict | KeyMissing)


def _is_due(job: Job, stage_name: str, now: datetime) -> bool:
    """Is the job at this stage, and not waiting for a later time? Messages repeat and come late; the ledger decides."""
    if job.stage != stage_name or job.status not in AT_A_STAGE:
        return False
    return job.due_at is None or job.due_at <= now + CLOCKS_APART
