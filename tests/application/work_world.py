"""A ledger with jobs, providers, a clock that stands still, and a worker's use case over them."""

import random

from msgspec.structs import replace
from providing import Persons, providers, switchboard

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.ports.ledger import Append
from dispatch.application.stages import find_stages
from dispatch.application.work import RunStage
from dispatch.domain.job.decide import decider
from examples import NOON
from ledgers import cause, new_id, opened_job

WHOLE_ROUTE = ("validate", "promote", "slots", "enrich", "verify", "clear", "dispatch", "confirm")


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


class World:
    """A ledger with jobs, providers, a clock, and the use case over them."""

    def __init__(self, **stages):
        self.ledger, self.providers, self.clock = MemoryLedger(), providers(), Clock()
        self.persons = Persons()
        self.run = RunStage(
            ledger=self.ledger,
            stages=find_stages() | stages,
            persons=self.persons,
            board=switchboard(self.providers),
            clock=self.clock,
            chance=random.Random(1).random,
        )

    def open(self, count=1, route=WHOLE_ROUTE):
        job_ids = [new_id() for _ in range(count)]
        for number, job_id in enumerate(job_ids):
            event = replace(opened_job(job_id), route=route, reference=f"JOB-{number}", row=number)
            self.ledger.append([Append(job_id, 0, [event], cause())])
        return job_ids

    def job(self, job_id):
        return decider.fold(self.ledger.load(job_id).events)

    def names(self, job_id):
        return [type(event).__name__ for event in self.ledger.load(job_id).events]

    def stages_done(self, job_id):
        return [event.stage for event in self.ledger.load(job_id).events if type(event).__name__ == "StageCompleted"]
