"""An independent checker of a whole ledger, from its stored rows alone: none of the production rules takes part in it.

It knows the invariants I2 to I7, I9 and I10 of the reliability page as tables of its own. Fault tests run it at their
end over everything that was recorded; `tests/test_checker.py` doctors histories to see that it bites.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

ACTS = "dispatch"
IN_PARTS = {"enrich_slots", "verify_slots"}
CLEARS = "clear"
OVERDUE = timedelta(seconds=60)
ENDS = frozenset({"delivered", "blocked", "cancelled", "archived"})
RESTS = ENDS | {"escalated"}

JOB = {
    ("", "JobOpened"): "running",
    ("running", "StageStarted"): "running",
    ("running", "StageCompleted"): "running",
    ("running", "StageFailed"): "failed",
    ("running", "JobBlocked"): "blocked",
    ("running", "JobCancelled"): "cancelled",
    ("running", "FailedOver"): "running",
    ("running", "StageDeferred"): "waiting",
    ("waiting", "StageStarted"): "running",
    ("waiting", "FailedOver"): "running",
    ("waiting", "StageDeferred"): "waiting",
    ("waiting", "StageCompleted"): "running",
    ("waiting", "StageFailed"): "failed",
    ("waiting", "JobBlocked"): "blocked",
    ("waiting", "JobCancelled"): "cancelled",
    ("failed", "RetryScheduled"): "waiting",  # A failure is followed by what comes of it, in the same append.
    ("failed", "JobEscalated"): "escalated",
    ("failed", "RecipientRefused"): "running",
    ("escalated", "JobResumed"): "running",
    ("escalated", "JobArchived"): "archived",
    ("escalated", "JobRerouted"): "running",
    ("escalated", "DoubtSettled"): "running",
    ("escalated", "EscalationAssigned"): "escalated",
    ("escalated", "EscalationSnoozed"): "escalated",
    ("escalated", "EscalationRaised"): "escalated",
    ("escalated", "JobCancelled"): "cancelled",
    ("done", "JobDelivered"): "delivered",
}
"""What may follow what. After the last stage of the route a job is `done`, which nothing but its delivery follows."""

BATCH = {
    "BatchReceived": ({""}, "uploaded"),
    "BatchJudged": ({"uploaded"}, "admitting"),
    "BatchRejected": ({"uploaded", "admitting", "awaiting_approval"}, "rejected"),
    "ApprovalRequested": ({"admitting"}, "awaiting_approval"),
    "BatchApproved": ({"awaiting_approval"}, "admitting"),
    "ChunkAdmitted": ({"admitting"}, "admitting"),
    "BatchAdmitted": ({"admitting"}, "processing"),
    "RowsRepaired": ({"processing", "complete_with_exceptions"}, "processing"),
    "BatchClosed": ({"processing"}, None),
    "UndoRequested": ({"admitting", "processing", "complete", "complete_with_exceptions"}, "undoing"),
    "BatchUndone": ({"undoing"}, "undone"),
    "BatchReset": ({"uploaded", "awaiting_approval", "rejected", "undone"}, "uploaded"),
}
"""From which states an event may come, and to which it leads. Events that are not here change no state."""


class Stored(NamedTuple):
    """One row of the ledger, its event as plain JSON."""

    position: int
    stream: str
    version: int
    name: str
    event: Mapping[str, Any]
    batch_id: str = ""
    command_id: str = ""


class Violation(NamedTuple):
    """An invariant that does not hold, and where."""

    invariant: str
    stream: str
    what: str


@dataclass
class Job:
    """A job as far as it was followed."""

    state: str = ""
    route: Sequence[str] = ()
    stage: str = ""
    failures: int = 0
    floor: int = 0  # Above which attempts are numbered.
    due_at: datetime | None = None
    starts: dict[int, str] = field(default_factory=dict)  # Keys by attempt, at the stage where it is.
    clear: bool = False
    settled: bool = False  # A person or a receipt said that it was sent, so its provider's id may not be known.
    messages: set[str] = field(default_factory=set)  # That it sent, by the provider's ids of them.
    receipts: set[tuple[str, str]] = field(default_factory=set)
    reopened: set[int] = field(default_factory=set)  # Attempts that may start again: passed over, or put off.


def read_stored(url: str) -> list[Stored]:
    """Everything that the database holds, in the order of the positions."""
    statement = (
        "SELECT position, stream::text, version, split_part(name, '.', 1), event, coalesce(correlation_id::text, ''),"
        " coalesce(causation_id::text, '') FROM ledger.events ORDER BY position"
    )
    with psycopg.connect(url) as connection:
        return [Stored(*row) for row in connection.execute(statement).fetchall()]


def check(
    stored: Sequence[Stored],
    *,
    now: datetime | None = None,
    at_rest: bool = False,
    effects: Mapping[str, int] | None = None,
) -> list[Violation]:
    """What does not hold.

    Args:
        stored: the whole ledger in the order of its positions.
        now: no open job may be overdue by more than a minute at this time (I5).
        at_rest: no job may be open at all (I5).
        effects: how often a provider has acted under each key (I6).
    """
    found = [*_order(stored), *_commands(stored)]
    jobs: dict[str, Job] = {}
    keys: dict[str, str] = {}
    erased: set[str] = set()
    for row in stored:
        if row.name == "SubjectErased":
            erased.update(row.event["jobs"])
        elif "job_id" in row.event:
            found += _follow(row, jobs.setdefault(row.stream, Job()), keys, erased)
    found += _moving(jobs, now, at_rest=at_rest)
    found += _batches(stored)
    for key, times in sorted((effects or {}).items()):
        if key not in keys:
            found.append(Violation("I6", key, "a provider acted under a key that no recorded start has"))
        if times > 1:
            found.append(Violation("I6", keys.get(key, key), f"{times} effects under one key"))
    return found


def _order(stored: Sequence[Stored]) -> Iterator[Violation]:
    """I2 and I4: versions 1 to n in the order of the positions, which rise."""
    versions: Counter[str] = Counter()
    last = 0
    for row in stored:
        versions[row.stream] += 1
        if row.version != versions[row.stream]:
            yield Violation("I2", row.stream, f"version {row.version} is the stream's event {versions[row.stream]}")
        if row.position <= last:
            yield Violation("I4", row.stream, f"position {row.position} stands behind {last}")
        last = row.position


def _commands(stored: Sequence[Stored]) -> Iterator[Violation]:
    """I7: what one command recorded in a stream stands together; it did not record a second time."""
    last: dict[tuple[str, str], int] = {}
    for row in stored:
        if row.command_id:
            before = last.get((row.stream, row.command_id))
            if before is not None and row.version != before + 1:
                yield Violation("I7", row.stream, f"command {row.command_id} recorded again at version {row.version}")
            last[row.stream, row.command_id] = row.version


def _follow(row: Stored, job: Job, keys: dict[str, str], erased: set[str]) -> Iterator[Violation]:
    """I3, I6, I10 for one event of a job."""
    event, stage = row.event, row.event.get("stage", "")
    if row.name == "ReceiptRecorded":  # It moves nothing, and may come after the end.
        yield from _receipt(row, job)
        return
    after = JOB.get((job.state, row.name))
    if after is None:
        yield Violation("I3", row.stream, f"{row.name} after {job.state or 'nothing'}")
        return
    if row.name == "RecipientRefused":  # Back past the consent gate, with attempts above all earlier ones.
        job.state, job.stage, job.clear, job.due_at = after, event["next_stage"], False, None
        job.failures = job.floor = event["attempt"] - 1
        job.starts.clear()
        job.reopened.clear()
        return
    if row.name == "JobRerouted":  # To another stage of the route, with attempts above all earlier ones.
        job.state, job.stage, job.failures, job.due_at = after, stage, event["attempt"] - 1, None
        job.starts.clear()
        job.reopened.clear()
        return
    if row.name != "JobOpened" and stage and stage != job.stage:
        yield Violation("I3", row.stream, f"{row.name} of {stage} while at {job.stage}")
    attempt = event.get("attempt")
    if attempt is not None and attempt != job.failures + 1:  # A scheduled retry names the attempt to come.
        yield Violation("I3", row.stream, f"{row.name} of attempt {attempt} after {job.failures} failures")
    job.state, job.due_at = after, None
    match row.name:
        case "JobOpened":
            job.route, job.stage = event["route"], event["route"][0]
        case "StageStarted":
            yield from _start(row, job, keys, erased)
        case "StageCompleted" | "StageFailed":
            if event.get("output", {}).get("settled_by", "").startswith("receipt:"):  # Its provider has said so.
                job.starts.setdefault(attempt, next(iter(job.starts.values()), ""))
                job.settled = True
            if stage == ACTS and attempt not in job.starts:
                yield Violation("I6", row.stream, f"attempt {attempt} at {stage} ended without a recorded start")
            if row.name == "StageFailed":
                job.failures = attempt or 0
            else:
                yield from _next(row, job)
        case "FailedOver":
            job.reopened.add(attempt or 0)
        case "DoubtSettled":
            job.settled = job.settled or event["happened"]
            if event["happened"]:  # What was found out completes the stage without another start.
                job.starts.setdefault(job.failures + 1, next(iter(job.starts.values()), ""))
        case "StageDeferred":
            job.reopened.add(attempt or 0)
            job.due_at = datetime.fromisoformat(event["due_at"])
        case "RetryScheduled":
            job.due_at = datetime.fromisoformat(event["due_at"])


def _receipt(row: Stored, job: Job) -> Iterator[Violation]:
    """I6: of a message that was sent before, and each thing once."""
    message_id, status = row.event["message_id"], row.event["status"]
    may_be_sent = job.settled or (job.state in ENDS and job.starts)
    if message_id not in job.messages and not may_be_sent:
        yield Violation("I6", row.stream, f"a receipt of {message_id}, which was not sent")
    if (message_id, status) in job.receipts:
        yield Violation("I6", row.stream, f"{message_id} was said to be {status} twice")
    job.receipts.add((message_id, status))


def _start(row: Stored, job: Job, keys: dict[str, str], erased: set[str]) -> Iterator[Violation]:
    key, attempt = row.event["idempotency_key"], row.event["attempt"]
    if attempt in job.starts and attempt not in job.reopened:
        yield Violation("I6", row.stream, f"attempt {attempt} was started twice")
    if set(job.starts.values()) - {key}:
        yield Violation("I6", row.stream, f"attempt {attempt} has another key than the ones before: {key}")
    if keys.setdefault(key, row.stream) != row.stream:
        yield Violation("I6", row.stream, f"the key {key} belongs to {keys[key]}")
    job.starts[attempt] = key
    job.reopened.discard(attempt)
    if job.stage == ACTS and CLEARS in job.route and not job.clear:
        yield Violation("I10", row.stream, "started to send without a clearance before it")
    if job.stage == ACTS and row.stream in erased:
        yield Violation("I10", row.stream, "started to send to an erased person")


def _next(row: Stored, job: Job) -> Iterator[Violation]:
    if job.stage in IN_PARTS and row.event["next_stage"] == job.stage:
        job.failures = row.event["attempt"]  # A part of its work: attempts go on.
        return
    here = job.route.index(job.stage) if job.stage in job.route else -1
    wanted = job.route[here + 1] if here + 1 < len(job.route) else ""
    if row.event["next_stage"] != wanted:
        yield Violation("I3", row.stream, f"{job.stage} leads to {row.event['next_stage'] or 'the end'}, not {wanted}")
    if message_id := row.event.get("output", {}).get("message_id"):
        job.messages.add(message_id)
    job.clear = job.clear or job.stage == CLEARS
    job.stage = row.event["next_stage"] or job.stage
    job.state = "running" if row.event["next_stage"] else "done"
    job.failures = job.floor
    job.starts.clear()
    job.reopened.clear()


def _moving(jobs: Mapping[str, Job], now: datetime | None, *, at_rest: bool) -> Iterator[Violation]:
    """I5: each job has ended or is before a person, or is due."""
    for job_id, job in jobs.items():
        if job.state in RESTS:
            continue
        if at_rest:
            yield Violation("I5", job_id, f"still {job.state} at {job.stage}")
        elif now is not None and job.due_at is not None and now - job.due_at > OVERDUE:
            yield Violation("I5", job_id, f"due since {job.due_at.isoformat()}")


def _batches(stored: Iterable[Stored]) -> Iterator[Violation]:
    """I3 and I9 for batches: states by the table, rows that add up, and as many jobs as were admitted."""
    states: dict[str, str] = {}
    admitted: Counter[str] = Counter()
    opened: Counter[str] = Counter()
    ended: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in stored:
        event = row.event
        if row.name == "JobOpened":
            opened[event["batch_id"]] += 1
        elif row.name in ("JobDelivered", "JobBlocked", "JobCancelled", "JobArchived"):
            ended[row.batch_id][row.name] += 1
        elif row.name in BATCH:
            sources, state = BATCH[row.name]
            if states.get(row.stream, "") not in sources:
                yield Violation("I3", row.stream, f"{row.name} after {states.get(row.stream) or 'nothing'}")
            states[row.stream] = event["outcome"] if state is None else state
        if row.name == "CorrectionReceived" and event["rejudges"]:
            states[row.stream] = "uploaded"
        if row.name == "BatchJudged":
            parts = event["accepted"] + event["rejected"] + event["duplicates"]
            if parts != event["rows"]:
                yield Violation("I9", row.stream, f"{event['rows']} rows, but {parts} accounted for")
        if row.name in ("ChunkAdmitted", "RowsRepaired"):
            admitted[row.stream] += event["jobs"] if row.name == "ChunkAdmitted" else len(event["rows"])
        if row.name == "BatchClosed":
            counts = ended[row.stream]
            if sum(counts.values()) != opened[row.stream]:
                yield Violation("I9", row.stream, f"closed with {sum(counts.values())} of {opened[row.stream]} ended")
            if event["delivered"] != counts["JobDelivered"] or event["blocked"] != counts["JobBlocked"]:
                yield Violation("I9", row.stream, "closed with other counts than its jobs have")
    for batch_id in sorted({*admitted, *(each for each in opened if each in states)}):
        if admitted[batch_id] != opened[batch_id]:
            what = f"{opened[batch_id]} jobs, {admitted[batch_id]} were admitted"
            yield Violation("I9", batch_id, what)
