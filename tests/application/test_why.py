"""Why a job is where it is: per state the rule, its inputs, the evidence and what next; never personal data."""

import re
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from recorded import recorded

import examples
from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application import stages
from dispatch.application.explanation import Explanation
from dispatch.application.ports.ledger import Append
from dispatch.application.why import explain, why
from dispatch.application.why_words import BLOCKED, FAILED
from dispatch.application.work import ERASED
from dispatch.domain.consent import Basis, Permission, clear_to_contact
from dispatch.domain.job.events import JobOpened, StageCompleted
from dispatch.domain.job.receipts import NOT_DELIVERED, RECEIPT_MISSING
from dispatch.domain.job.refusals import JobUnknown
from dispatch.domain.job.state import JobStatus
from examples import ANN, BATCH_ID, JOB_ID, NOON
from ledgers import cause

ROUTE = ("validate", "verify", "clear", "dispatch", "confirm")
PERSONAL = [value for value in msgspec.structs.asdict(ANN).values() if value]


def opened(permission: Permission = examples.CONSENTED) -> JobOpened:
    return replace(examples.opened, route=ROUTE, permission=permission)


def done(stage: str, **output: str) -> StageCompleted:
    here = ROUTE.index(stage)
    next_stage = ROUTE[here + 1] if here + 1 < len(ROUTE) else ""
    return replace(examples.completed, stage=stage, next_stage=next_stage, output=dict(output))


def failed(attempt: int, code: str = "timeout", *, transient: bool = True):
    return replace(examples.failed, attempt=attempt, error_code=code, transient=transient, in_doubt=False)


def retry(attempt: int, due_s: float):
    return replace(examples.retry_scheduled, attempt=attempt, due_at=NOON + timedelta(seconds=due_s))


def explained(*events) -> Explanation:
    explanation = explain(recorded(*events), examples.received)
    text = msgspec.json.encode(explanation).decode()
    assert not [value for value in PERSONAL if value in text]
    assert (explanation.job_id, explanation.batch_id, explanation.row) == (JOB_ID, BATCH_ID, 7)
    assert (explanation.route, explanation.profile, explanation.profile_version) == (ROUTE, "service-jobs", 3)
    assert (explanation.opened.name, explanation.opened.position) == ("JobOpened", 10)
    return explanation


@pytest.mark.acceptance("PE2", part="the gate's decision and its inputs can be read from the record")
def test_blocked_by_the_gate():
    none = Permission(basis=Basis.NONE, consent_on=date(2026, 1, 31), sale_ref="S-9")
    block = replace(examples.blocked, stage="clear", rule="PE2", reason="no_lawful_basis")
    said = explained(opened(none), done("validate"), done("verify"), block)
    assert (said.status, said.stage, said.rule, said.code) == (JobStatus.BLOCKED, "clear", "PE2", "no_lawful_basis")
    assert said.inputs == {
        "basis": "none",
        "consent_on": "2026-01-31",
        "statement": None,
        "has_sale_ref": True,
        "objected": False,
        "decided_on": "2026-11-23",
    }
    assert said.same_today is True
    assert (said.decided.name, said.decided.version, said.decided.position) == ("JobBlocked", 4, 13)
    assert (said.decided.actor, said.decided.command_id) == ("worker", "00000000-0000-8000-8000-000000000004")
    assert "no ground to write to this person" in said.why
    assert said.next.endswith("with its lawful_basis")
    assert said.actions == ()


def test_a_decision_that_the_rules_of_today_would_not_make_is_told():
    block = replace(examples.blocked, stage="clear", rule="PE9", reason="consent_expired")
    assert explained(opened(), done("validate"), done("verify"), block).same_today is False


def test_blocked_by_a_rule_of_another_stage():
    erased = replace(examples.blocked, stage="enrich", rule=ERASED.rule, reason=ERASED.reason)
    said = explained(opened(), erased)
    assert (said.rule, said.inputs, said.same_today) == ("UK GDPR 17", {}, None)
    assert said.why.startswith("the person asked to be erased")
    said = explained(opened(), replace(erased, reason="area_closed"))
    assert said.why == "the rule stands in the way: area_closed"


def test_escalated_after_its_last_attempt():
    said = explained(
        opened(),
        done("validate"),
        failed(1),
        retry(2, 3),
        failed(2, "server_error"),
        retry(3, 6),
        failed(3),
        replace(examples.escalated, reason="timeout"),
    )
    assert (said.status, said.stage, said.code) == (JobStatus.ESCALATED, "verify", "timeout")
    assert said.rule == "retry policy: its attempts are spent"
    assert [(one.attempt, one.error_code, one.at) for one in said.attempts] == [
        (1, "timeout", NOON + timedelta(seconds=2)),
        (2, "server_error", NOON + timedelta(seconds=4)),
        (3, "timeout", NOON + timedelta(seconds=6)),
    ]
    assert said.decided.name == "JobEscalated"
    assert [event.position for event in said.rests_on] == [16]
    assert said.actions == ("resume", "cancel")
    assert said.next == "look at the provider and, when it is well again, resume the job"


def test_escalated_at_once():
    said = explained(
        opened(),
        failed(1, "price_not_positive", transient=False),
        replace(examples.escalated, reason="price_not_positive"),
    )
    assert said.rule == "given up at once: to try again would not help"
    assert said.inputs == {"failed_attempts": 1, "transient": False}


def test_escalated_after_it_was_sent_it_cannot_be_cancelled():
    events = [opened(), *(done(stage) for stage in ROUTE[:4]), failed(1, "not_delivered", transient=False)]
    assert explained(*events, replace(examples.escalated, reason="not_delivered")).actions == ("resume",)


def test_waiting_says_which_attempt_is_due_when_and_why():
    said = explained(opened(), done("validate"), failed(1, "rate_limited"), retry(2, 33))
    assert (said.status, said.due_at) == (JobStatus.WAITING, NOON + timedelta(seconds=33))
    assert said.why == "the provider asked for fewer calls; attempt 2 is due at 2026-11-23T12:00:33+00:00"
    assert said.inputs == {"failed_attempts": 1, "next_attempt": 2, "wait_s": 30.0}
    assert (said.decided.name, said.code, said.actions) == ("RetryScheduled", "rate_limited", ("cancel",))


def test_delivered_says_what_cleared_it_and_the_receipt():
    said = explained(
        opened(),
        done("validate"),
        done("verify", verdict="valid"),
        done("clear", basis="consent", rule="PE2"),
        examples.started,
        done("dispatch", message_id="m_1", channel="email"),
        done("confirm", receipt="delivered"),
        examples.delivered,
    )
    assert (said.status, said.rule, said.code, said.same_today) == (JobStatus.DELIVERED, "PE2", "delivered", True)
    assert said.why == "rule PE2 cleared it, and every stage of its route is done"
    told = {name: said.inputs[name] for name in ("basis", "statement", "channel", "message_id", "receipt")}
    assert told == {
        "basis": "consent",
        "statement": "st-1@2",
        "channel": "email",
        "message_id": "m_1",
        "receipt": "delivered",
    }
    assert [(event.name, event.position) for event in said.rests_on] == [("StageCompleted", 13), ("StageCompleted", 16)]


def test_delivered_on_a_route_without_a_gate():
    said = explained(opened(), done("confirm"), examples.delivered)
    assert (said.rule, said.same_today) == ("", None)
    assert said.why.startswith("its route has no consent gate")


def test_cancelled_says_by_whom_and_why():
    said = explained(opened(), examples.cancelled)
    assert said.why == "ann cancelled it while it waited for a person"
    assert (said.code, said.decided.name) == ("customer moved", "JobCancelled")


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ((), "attempt 1 at this stage is next"),
        ((failed(1), replace(examples.escalated), examples.resumed), "attempt 2 at this stage is next"),
        ((done("validate"), replace(examples.started, stage="verify")), "attempt 1 is with the provider"),
    ],
)
def test_running_says_what_is_next(events, word):
    said = explained(opened(), *events)
    assert said.status is JobStatus.RUNNING
    assert word in said.why


def test_what_is_no_job_is_unknown():
    with pytest.raises(JobUnknown):
        explain([])
    with pytest.raises(JobUnknown):
        why(MemoryLedger(), JOB_ID)


def test_from_the_ledger_with_the_profile_of_its_file():
    ledger = MemoryLedger()
    ledger.append([Append(BATCH_ID, 0, [examples.received], cause())])
    lost = [opened(), failed(1, "no_such_contact", transient=False), examples.escalated]
    ledger.append([Append(JOB_ID, 0, lost, cause())])
    said = why(ledger, JOB_ID)
    assert (said.status, said.profile, said.profile_version) == (JobStatus.ESCALATED, "service-jobs", 3)
    with pytest.raises(JobUnknown):
        why(ledger, BATCH_ID)


def test_every_reason_of_the_gate_has_its_words():
    permissions = [
        Permission(basis=basis, consent_on=day, statement=statement, objected=objected)
        for basis in Basis
        for day in (None, date(2020, 1, 1), date(2099, 1, 1))
        for statement in ("", "st-1")
        for objected in (True, False)
    ]
    answers = {clear_to_contact(permission, date(2026, 11, 27)).reason for permission in permissions}
    assert answers - {""} | {ERASED.reason} == set(BLOCKED)


def test_every_code_of_a_stage_has_its_words():
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(stages.__path__[0]).glob("*.py"))
    codes = set(re.findall(r'(?:TryAgain|GiveUp)\("(\w+)"', sources))
    codes |= {NOT_DELIVERED, RECEIPT_MISSING}
    assert len(codes) > 4
    assert codes <= set(FAILED)
