"""Jobs that a worker has in hand: loaded in one query, recorded in one append."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from msgspec.structs import replace

from dispatch.application.gatekeeper import Gatekeeper
from dispatch.application.given_back import GivenBack
from dispatch.application.known_jobs import KnownJobs
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Append, Cause, EventLedger, VersionConflict
from dispatch.application.ports.privacy import PersonVault
from dispatch.application.stages.stage import ProviderStage, Stage
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import PassOver, RecordOutcome, StartStage
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import Event, StageCompleted
from dispatch.domain.job.state import AT_A_STAGE, Job, JobStatus
from dispatch.domain.person import Person

CLOCKS_APART = timedelta(seconds=1)


@dataclass(slots=True)
class InHand:
    """A job in hand: its state, the version it was loaded at, and what was decided since."""

    job_id: str
    job: Job
    version: int
    stored: Person  # As the ledger holds it: what the vault is asked about, at each look.
    decided: list[Event] = field(default_factory=list)
    erased: bool = False  # The person was needed, and is not to be had any more.
    person_changed: bool = False
    from_memory: bool = False  # As this process had left it: somebody else may have moved it on since.
    overtaken: bool = False  # Somebody else had.
    in_doubt: bool = False  # A provider may have acted before, and its answer is not known.
    provider: str = ""  # Who is called now.
    passed_over: str = ""  # With which error the last provider was passed over.

    def decide(self, command: StartStage | PassOver | RecordOutcome) -> None:
        for event in decider.decide(command, self.job):
            if type(event) is StageCompleted and event.person is not None:
                self.person_changed = True
            self.job = decider.evolve(self.job, event)
            self.decided.append(event)


@dataclass(frozen=True)
class JobsInHand:
    """Loads jobs for a stage, and records what was decided about them."""

    ledger: EventLedger
    persons: PersonVault
    clock: Clock
    chance: Callable[[], float]
    actor: str
    known: KnownJobs | None
    gates: Gatekeeper | None = None

    def load_due(self, stage: Stage, job_ids: Sequence[str]) -> list[InHand]:
        """Those that are due at it, without what is paused. Raises GivenBack when the stage is."""
        if not self.is_open(stage.name):
            raise GivenBack
        now = self.clock()
        at_hand = self._known_due(stage.name, job_ids, now)
        loaded = self.load([job_id for job_id in job_ids if job_id not in at_hand])
        due = [*at_hand.values(), *(opened for opened in loaded if is_due(opened.job, stage.name, now))]
        due = self._without_paused(stage, due)
        self.read_persons(stage, due)
        for one in due:
            one.in_doubt = isinstance(stage, ProviderStage) and stage.acts and one.job.may_have_acted
        return due

    def is_open(self, stage_name: str) -> bool:
        """May anything be done at this stage now?"""
        return self.gates is None or self.gates.stage(stage_name) is None

    def _without_paused(self, stage: Stage, due: list[InHand]) -> list[InHand]:
        """Jobs of paused batches are parked: they come again as soon as their batch is resumed."""
        if self.gates is None:
            return due
        paused = {batch_id for batch_id in {one.job.batch_id for one in due} if self.gates.batch(batch_id)}
        self.gates.park([(one.job_id, stage.name, one.job.batch_id) for one in due if one.job.batch_id in paused])
        return [one for one in due if one.job.batch_id not in paused]

    def _known_due(self, stage_name: str, job_ids: Sequence[str], now: datetime) -> dict[str, InHand]:
        """Those that this process itself has just brought to this stage. About any others only the ledger knows."""
        known = self.known.take(job_ids) if self.known else {}
        return {
            job_id: InHand(job_id, one.job, one.version, one.job.person, from_memory=True)
            for job_id, one in known.items()
            if is_due(one.job, stage_name, now)
        }

    def load(self, job_ids: Sequence[str]) -> list[InHand]:
        if not job_ids:
            return []
        histories = self.ledger.load_many(job_ids)
        return [
            InHand(job_id, job, history.version, job.person)
            for job_id, history in histories.items()
            for job in [decider.fold(cast("Sequence[Event]", history.events))]
        ]

    def read_persons(self, stage: Stage, loaded: Sequence[InHand]) -> None:
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

    def append(self, stage_name: str, step: str, opened: list[InHand]) -> dict[str, VersionConflict]:
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
                one.overtaken = True
            else:
                one.version, one.decided = one.version + len(one.decided), []
        return conflicts

    def remember(self, recorded: Iterable[InHand]) -> None:
        """For their next step. Not where the person has changed: how the ledger holds it now, only the ledger knows."""
        if self.known:
            self.known.keep(
                (one.job_id, _with_person(one.job, one.stored), one.version)
                for one in recorded
                if one.job.status is JobStatus.RUNNING and not one.person_changed
            )


def _with_person(job: Job, person: Person) -> Job:
    return job if job.person is person else replace(job, person=person)


def is_due(job: Job, stage_name: str, now: datetime) -> bool:
    """Is the job at this stage, and not waiting for a later time? Messages repeat and come late; the ledger decides."""
    if job.stage != stage_name or job.status not in AT_A_STAGE:
        return False
    return job.due_at is None or job.due_at <= now + CLOCKS_APART


def parted(opened: list[InHand], apart: Callable[[InHand], bool]) -> tuple[list[InHand], list[InHand]]:
    """Those for which it is false, and those for which it is true."""
    return [one for one in opened if not apart(one)], [one for one in opened if apart(one)]
