"""Notifications as JSON: every fault is told with its place, and nothing is guessed."""

from contextlib import suppress
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.application.notifications.requests import Faulty, NotificationRequest, read_notification
from dispatch.application.ports.providers import Channel
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.notification import CONTENT_MAX, Purpose
from dispatch.domain.person import Person

GOOD = {
    "channel": "sms",
    "to": "07700 900123",
    "content": "We are on our way.",
    "kind": "service",
    "permission": {"basis": "contract"},
}
TO = {"sms": "+447700900123", "push": "d3v1ce-T0ken", "email": "ann@example.org"}


def faults(raw, **given):
    with pytest.raises(Faulty) as refused:
        read_notification(raw, **given)
    return {fault.pointer: fault.detail for fault in refused.value.faults}


def test_a_notification_is_read_whole():
    raw = GOOD | {
        "channel": "EMAIL",
        "to": "Ann@Example.org",
        "subject": "Tomorrow",
        "content": "At ten.\nOr at eleven.",
        "name": "Ann Example",
        "kind": "marketing",
        "permission": {"basis": "consent", "consentOn": "2026-01-31", "statement": "st-1@2", "objected": False},
        "priority": "HIGH",
        "scheduledAt": "2026-11-24T09:00:00+01:00",
        "reference": "order-7",
        "idempotencyKey": "k-1",
    }
    assert read_notification(raw) == NotificationRequest(
        channel=Channel.EMAIL,
        person=Person(
            name="Ann Example", email="Ann@example.org", subject="Tomorrow", content="At ten.\nOr at eleven."
        ),
        purpose=Purpose.MARKETING,
        permission=Permission(basis=Basis.CONSENT, consent_on=date(2026, 1, 31), statement="st-1@2"),
        priority=JobPriority.HIGH,
        scheduled_at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
        reference="order-7",
        idempotency_key="k-1",
    )


def test_what_is_left_out_is_normal_at_once_and_without_a_key():
    asked = read_notification(GOOD)
    assert (asked.priority, asked.scheduled_at, asked.idempotency_key) == (JobPriority.NORMAL, None, "")
    assert asked.person == Person(phone="+447700900123", content="We are on our way.")
    assert read_notification(GOOD | {"channel": "push", "to": "tok"}).person.device == "tok"


@pytest.mark.acceptance("S.05", part="the longest message of each channel: SMS 160, PUSH 240, EMAIL 10,000")
@pytest.mark.parametrize(("channel", "longest"), [("sms", 160), ("push", 240), ("email", 10_000)])
def test_a_message_may_be_as_long_as_its_channel_carries(channel, longest):
    raw = GOOD | {"channel": channel, "to": TO[channel]}
    assert read_notification(raw | {"content": "é" * longest}).person.content == "é" * longest
    told = faults(raw | {"content": "é" * (longest + 1)})
    assert told == {"#/content": f"has {longest + 1:,} characters; at most {longest:,}"}
    assert CONTENT_MAX[channel] == longest


@pytest.mark.parametrize(
    ("changed", "pointer", "said"),
    [
        ({"channel": "fax"}, "#/channel", "must be one of email, sms, push"),
        ({"channel": None}, "#/channel", "must be one of"),
        ({"to": "12"}, "#/to", "UK phone number"),
        ({"to": ""}, "#/to", "is required"),
        ({"to": 7}, "#/to", "must be text"),
        ({"channel": "email", "to": "ann"}, "#/to", "e-mail address"),
        ({"channel": "push", "to": "two words"}, "#/to", "without spaces"),
        ({"content": "  "}, "#/content", "is required"),
        ({"content": "bell \x07"}, "#/content", "control characters"),
        ({"channel": "email", "to": "ann@example.org", "subject": "a\nb"}, "#/subject", "line breaks"),
        ({"subject": "Hello"}, "#/subject", "belongs to an e-mail"),
        ({"kind": "spam"}, "#/kind", "must be one of service, marketing"),
        ({"permission": None}, "#/permission", "is required"),
        ({"permission": "contract"}, "#/permission", "must be an object"),
        ({"permission": {}}, "#/permission/basis", "must be one of contract, consent, soft_opt_in"),
        ({"permission": {"basis": "none"}}, "#/permission/basis", "must be one of"),
        ({"permission": {"basis": "contract", "consentOn": "May"}}, "#/permission/consentOn", "date like"),
        ({"permission": {"basis": "contract", "objected": "no"}}, "#/permission/objected", "true or false"),
        ({"permission": {"basis": "contract", "consent_on": ""}}, "#/permission/consent_on", "is not known"),
        ({"kind": "marketing"}, "#/permission/basis", "a contract carries service messages only"),
        ({"priority": "urgent"}, "#/priority", "must be one of high, normal, low"),
        ({"scheduledAt": "tomorrow"}, "#/scheduledAt", "with an offset"),
        ({"scheduledAt": "2026-11-24T09:00:00"}, "#/scheduledAt", "must say its offset"),
        ({"scheduledAt": "0001-01-01T00:00:00+23:00"}, "#/scheduledAt", "years 2 to 9998"),
        ({"scheduledAt": 5}, "#/scheduledAt", "with an offset"),
        ({"scheduled_at": "2026-11-24T09:00:00Z"}, "#/scheduled_at", "is not known"),
        ({"a/b~": 1}, "#/a~1b~0", "is not known"),
        ({"idempotencyKey": "k" * 201}, "#/idempotencyKey", "at most 200"),
        ({"reference": "r" * 101}, "#/reference", "at most 100"),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, dict) else "",
)
def test_each_fault_is_told_with_its_place(changed, pointer, said):
    told = faults(GOOD | changed)
    assert list(told) == [pointer]
    assert said in told[pointer]


def test_all_faults_are_told_at_once():
    told = faults({"channel": "sms", "to": "12", "priority": "x"}, pointer="#/items/3")
    assert set(told) == {f"#/items/3/{name}" for name in ("to", "priority", "kind", "content", "permission")}
    assert faults([], pointer="#/items/4")["#/items/4"] == "must be an object"


def test_the_key_of_the_header_counts_where_the_body_has_none():
    assert read_notification(GOOD, idempotency_key="h").idempotency_key == "h"
    assert read_notification(GOOD | {"idempotencyKey": "h"}, idempotency_key="h").idempotency_key == "h"
    assert list(faults(GOOD | {"idempotencyKey": "b"}, idempotency_key="h")) == ["#/idempotencyKey"]


def test_emoji_and_other_scripts_are_text():
    content = "Merhaba 👩‍👩‍👧 Привет"
    assert read_notification(GOOD | {"content": content}).person.content == content


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "scheduledAt", "x"]), inner),
    max_leaves=8,
)


@given(anything | st.dictionaries(st.sampled_from([*GOOD, "scheduledAt", "subject", "priority"]), anything))
def test_whatever_json_comes_it_is_read_or_refused(raw):
    with suppress(Faulty):
        asked = read_notification(msgspec.json.decode(msgspec.json.encode(raw)))
        assert asked.person.content
