"""Replays: the same thing done to many dead letters, each once, at a measured pace, with a report in the ledger.

What a replay is about is fixed in the ledger when it is asked for. Each job takes it under the replay's own command
id: a runner that dies between the jobs and their report finds by it what it has done, and two runners do it once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import msgspec

from dispatch.application.handle import CONFLICTS_MAX, handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.failures import Failures
from dispatch.application.ports.ledger import Append, Cause, EventLedger, History, VersionConflict
from dispatch.domain.errors import DomainError
from dispatch.domain.identity import command_id
from dispatch.domain.job import commands as ask_job
from dispatch.domain.job.decide import decider as jobs
from dispatch.domain.job.events import Event as JobEvent
from dispatch.domain.job.events import JobEscalated
from dispatch.domain.job.state import JobStatus
from dispatch.domain.replay.commands import RecordProgress, RequestReplay, StopReplay
from dispatch.domain.replay.decide import ITEMS_MAX, ITEMS_PER_EVENT, check, decider
from dispatch.domain.replay.events import Event, Picked, ReplayAction, ReplayRequested, Reported, Selection
from dispatch.domain.replay.state import Replay, ReplayStatus

DONE = "done"
ALREADY = "already_resolved"
"""Somebody has sent it on, or ended it, since it was picked."""
CHANGED = "changed"
"""The job failed anew since it was picked: a person may want something else for it now."""
BURST_S = 2.0
"""A runner that was away does not catch up on more than this at once."""


class ReplayAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done to which dead letters; `per_second` is the most jobs in one second."""

    action: ReplayAction
    selection: Selection = Selection()
    reason: str = ""
    per_second: float = 100.0
    stage: str = ""  # Where rerouted jobs go on.


class ReplayPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay would do now: `results` says of each job what would come of it, and sums up to `counted`."""

    action: ReplayAction
    counted: int
    results: dict[str, int]
    takes_s: float  # At the pace that is asked for.


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a replay."""

    replay_id: str
    jobs: int  # That were reported by this step.
    left: int


@dataclass(frozen=True)
class Replays:
    """What people ask, and what a timer carries out. Each method raises LedgerUnavailable and ViewsUnavailable."""

    ledger: EventLedger
    failures: Failures
    clock: Clock

    def preview(self, asked: ReplayAsked) -> ReplayPreview:
        """What would happen now; nothing is changed or recorded. Raises as `request`."""
        command = self._command(asked, "", "")
        check(command)
        results: Counter[str] = Counter()
        requested = cast("ReplayRequested", decider.decide(command, Replay())[0])
        for first in range(0, len(command.items), ITEMS_PER_EVENT):
            items = command.items[first : first + ITEMS_PER_EVENT]
            histories = self.ledger.load_many([item.job_id for item in items])
            results.update(_decided(requested, item, histories[item.job_id], command.at)[0] for item in items)
        counted = len(command.items)
        takes_s = counted / asked.per_second
        return ReplayPreview(action=asked.action, counted=counted, results=dict(results), takes_s=takes_s)

    def request(self, asked: ReplayAsked, by: str) -> ReplayRequested:
        """Record what is to be done; the timers do it.

        Raises:
            NothingToReplay, ReplayTooLarge, ReplayReasonMissing, ReplayStageMissing, ReplayRateInvalid: nothing was
                recorded.
        """
        at = self.clock()
        replay_id = command_id("replay", by, at, asked.action, msgspec.json.encode(asked).decode())
        command = self._command(asked, replay_id, by)
        cause = Cause(command_id=command_id(replay_id, "request"), actor=by)
        return cast("ReplayRequested", handle(self.ledger, decider, replay_id, command, cause)[0])

    def stop(self, replay_id: str, by: str, reason: str = "") -> list[Event]:
        """Do nothing more of it; what is done stays done. Raises ReplayUnknown, ReplayEnded."""
        command = StopReplay(replay_id=replay_id, at=self.clock(), by=by, reason=reason)
        cause = Cause(command_id=command_id(replay_id, "stop"), actor=by)
        return handle(self.ledger, decider, replay_id, command, cause)

    def _command(self, asked: ReplayAsked, replay_id: str, by: str) -> RequestReplay:
        return RequestReplay(
            replay_id=replay_id,
            at=self.clock(),
            action=asked.action,
            selection=asked.selection,
            items=tuple(self.failures.pick(asked.selection, limit=ITEMS_MAX + 1)),
            by=by,
            reason=asked.reason,
            per_second=asked.per_second,
            stage=asked.stage,
        )

    def run(self) -> list[Progress]:
        """Take each running replay a step further, as far as its pace allows; asking again is harmless."""
        steps = (self.step(replay_id) for replay_id in self.failures.running_replays())
        return [step for step in steps if step is not None]

    def step(self, replay_id: str) -> Progress | None:
        """The next jobs of one replay; None when none is due yet, or it has ended."""
        history = self.ledger.load(replay_id)
        replay = decider.fold(cast("Sequence[Event]", history.events))
        requested, at = replay.requested, self.clock()
        if requested is None or replay.status is not ReplayStatus.RUNNING:
            return None
        items = replay.items[replay.done : replay.done + _due(requested, replay, at)]
        if not items:
            return None
        reported = tuple(Reported(job_id, result) for job_id, result in self._carry_out(requested, items, at))
        command = RecordProgress(replay_id=replay_id, at=at, first=replay.done, items=reported)
        cause = Cause(command_id=command_id(replay_id, "progress", replay.done), actor=requested.by)
        if not handle(self.ledger, decider, replay_id, command, cause):
            return None
        left = len(replay.items) - replay.done - len(items)
        return Progress(replay_id=replay_id, jobs=len(items), left=left)

    def _carry_out(self, requested: ReplayRequested, items: Sequence[Picked], at: datetime) -> list[tuple[str, str]]:
        asked = command_id("replay", requested.replay_id)
        results: dict[str, str] = {}
        waiting = {item.job_id: item for item in items}
        for _ in range(CONFLICTS_MAX):
            histories = self.ledger.load_many(list(waiting))
            appends: list[Append] = []
            for job_id, item in waiting.items():
                result, events, batch_id = _decided(requested, item, histories[job_id], at)
                results[job_id] = result if result == DONE or not self._was_done(job_id, asked) else DONE
                if events:
                    cause = Cause(command_id=asked, correlation_id=batch_id, actor=requested.by)
                    appends.append(Append(job_id, histories[job_id].version, events, cause))
            answers = self.ledger.append(appends) if appends else []
            conflicts = [answer for answer in answers if isinstance(answer, VersionConflict)]
            if not conflicts:
                return [(item.job_id, results[item.job_id]) for item in items]
            waiting = {conflict.stream: waiting[conflict.stream] for conflict in conflicts}
        raise conflicts[0]

    def _was_done(self, job_id: str, asked: str) -> bool:
        """Did an earlier try at this step record it, and die before it could report?"""
        return any(record.causation_id == asked for record in self.ledger.trace(job_id))


def _due(requested: ReplayRequested, replay: Replay, at: datetime) -> int:
    """How many jobs the pace allows since the replay moved last: at most those of BURST_S, or one."""
    since_s = (at - (replay.moved_at or at)).total_seconds()
    return min(ITEMS_PER_EVENT, int(requested.per_second * min(since_s, max(BURST_S, 1 / requested.per_second))))


def _decided(
    requested: ReplayRequested, item: Picked, history: History, at: datetime
) -> tuple[str, list[JobEvent], str]:
    """What comes of one job: `done` and its events, or the code of what stands in the way; and its batch."""
    events = cast("Sequence[JobEvent]", history.events)
    job = jobs.fold(events)
    escalated = max((version for version, event in enumerate(events, 1) if isinstance(event, JobEscalated)), default=0)
    if escalated != item.version:
        return CHANGED, [], job.batch_id
    if job.status is not JobStatus.ESCALATED:
        return ALREADY, [], job.batch_id
    try:
        made = jobs.decide(_asked_of_job(requested, item.job_id, at), job)
    except DomainError as refusal:
        return refusal.code, [], job.batch_id
    return DONE, made, job.batch_id


def _asked_of_job(requested: ReplayRequested, job_id: str, at: datetime) -> ask_job.Command:
    by, reason = requested.by, requested.reason
    match requested.action:
        case ReplayAction.RETRY:
            return ask_job.ResumeJob(job_id=job_id, at=at, by=by)
        case ReplayAction.DROP:
            return ask_job.CancelJob(job_id=job_id, at=at, by=by, reason=reason)
        case ReplayAction.ARCHIVE:
            return ask_job.ArchiveJob(job_id=job_id, at=at, by=by, reason=reason)
        case ReplayAction.REROUTE:
            return ask_job.RerouteJob(job_id=job_id, at=at, stage=requested.stage, by=by, reason=reason)
