"""Two providers of one capability, and a worker's use case over them."""

import random
from datetime import UTC, datetime

from msgspec.structs import replace
from providing import Persons, providers, switchboard

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.provider_sheet_memory import MemoryProviderSheet
from dispatch.application.calling.asking import asking
from dispatch.application.calling.line import Capability, Line, ProviderSpec
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.providers import ProviderUnavailable
from dispatch.application.stages import find_stages
from dispatch.application.work import RunStage
from dispatch.domain.job.decide import decider
from examples import NOON
from ledgers import cause, new_id, opened_job

DOWN = ProviderUnavailable("connection_refused", no_effect=True)
SILENT = ProviderUnavailable("timeout")
CAPABILITY = {"dispatch": Capability.NOTIFIER, "verify": Capability.EMAIL_VERIFIER, "enrich": Capability.CONTACT_FINDER}


class Wall:
    """A clock in seconds that is moved by hand."""

    def __init__(self):
        self.now = NOON.timestamp()

    def __call__(self):
        return self.now


class World:
    """Two providers of one capability, `main` and `spare`, for a route of one stage and the confirmation."""

    def __init__(self, stage, *, limiter=None, rates=None, **spec):
        self.stage, self.wall = stage, Wall()
        self.main, self.spare = providers(), providers()
        self.ledger, self.sheet = MemoryLedger(), MemoryProviderSheet(self.wall)
        lines = [
            Line(ProviderSpec(name="main", capability=CAPABILITY[stage], **spec), self.main, asking(self.main)),
            Line(ProviderSpec(name="spare", capability=CAPABILITY[stage]), self.spare, asking(self.spare)),
        ]
        self.board = switchboard(self.main, lines, sheet=self.sheet, limiter=limiter, rates=rates, now=self.utc)
        self.board.standings._clock = self.wall
        self.run = RunStage(
            ledger=self.ledger,
            stages=find_stages(),
            persons=Persons(),
            board=self.board,
            clock=self.utc,
            chance=random.Random(1).random,
        )

    def utc(self):
        return datetime.fromtimestamp(self.wall.now, UTC)

    def open(self, count=1):
        job_ids = [new_id() for _ in range(count)]
        for number, job_id in enumerate(job_ids):
            event = replace(opened_job(job_id), route=(self.stage, "confirm"), reference=f"JOB-{number}", row=number)
            self.ledger.append([Append(job_id, 0, [event], cause())])
        return job_ids

    async def work(self, jobs):
        return await self.run(self.stage, jobs)

    def job(self, job_id):
        return decider.fold(self.ledger.load(job_id).events)

    def names(self, job_id):
        return [type(event).__name__ for event in self.ledger.load(job_id).events][1:]

    def last(self, job_id):
        return self.ledger.load(job_id).events[-1]

    def of(self, which):
        """The port that the stage uses, of one of the two."""
        return {
            "dispatch": which.notifier,
            "verify": which.email_verifier,
            "enrich": which.contact_finder,
        }[self.stage]


def refuse(error):
    async def send(message):
        raise error

    return send
