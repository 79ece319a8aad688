"""Taking notifications in: one job each, one for each key, whoever asks and however often."""

import os

import pytest
from msgspec.structs import replace
from providing import Persons

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.jobs import JobDesk
from dispatch.application.notifications.batches import ItemOutcome, take_batch
from dispatch.application.notifications.desk import NotificationDesk, NotificationUnknown, just_opened
from dispatch.application.notifications.opening import IdempotencyKeyReused, OpenNotifications, Taken
from dispatch.application.notifications.requests import NotificationRequest
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.privacy import PersonUnreadable
from dispatch.application.ports.providers import Channel
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.identity import notification_id
from dispatch.domain.job.decide import SCHEDULED_LATE_MAX
from dispatch.domain.job.events import JobDelivered
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.refusals import JobAlreadyEnded, ScheduledInThePast
from dispatch.domain.job.state import JobStatus
from dispatch.domain.notification import Purpose
from dispatch.domain.person import Person
from examples import NOON
from ledgers import cause, start

SMS = NotificationRequest(
    channel=Channel.SMS,
    person=Person(phone="+447700900123", content="We are on our way."),
    purpose=Purpose.SERVICE,
    permission=Permission(basis=Basis.CONTRACT),
    priority=JobPriority.HIGH,
    idempotency_key="order-7",
)


class World:
    def __init__(self):
        self.ledger, self.persons, self.now = MemoryLedger(), Persons(), NOON
        self.take = OpenNotifications(self.ledger, self.persons, lambda: self.now, os.urandom)
        self.desk = NotificationDesk(self.ledger, JobDesk(self.ledger, lambda: self.now), self.take, queries=None)

    def one(self, request):
        [answer] = self.take([request], by="ann")
        return answer


@pytest.fixture
def world():
    return World()


def test_a_notification_is_a_job_of_no_batch_on_its_own_route(world):
    taken = world.one(SMS)
    assert taken.is_new
    [record] = world.ledger.read(0, 10)
    opened = record.event
    assert opened == taken.opened
    assert (record.stream, record.correlation_id, record.actor) == (notification_id("order-7"), "", "ann")
    assert (opened.batch_id, opened.row, opened.route) == ("", 0, ("clear", "dispatch", "confirm"))
    assert (opened.channel, opened.priority, opened.details) == ("sms", JobPriority.HIGH, {"kind": "service"})
    shown = world.desk.show(taken.notification_id)
    assert (shown.status, shown.stage, shown.kind) == (JobStatus.RUNNING, "clear", "service")
    fields = just_opened(opened).__struct_fields__
    assert all(getattr(shown, name) == getattr(just_opened(opened), name) for name in fields)


@pytest.mark.acceptance("S.05", part="the same idempotencyKey is the existing object")
def test_the_same_key_again_is_the_first_one_also_when_it_has_ended(world):
    first = world.one(SMS)
    world.ledger.append(
        [Append(first.notification_id, 1, [JobDelivered(job_id=first.notification_id, at=NOON)], cause())]
    )
    assert world.one(SMS) == Taken(first.opened, is_new=False)
    assert world.ledger.head() == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"channel": Channel.PUSH},
        {"priority": JobPriority.LOW},
        {"purpose": Purpose.MARKETING},
        {"reference": "other"},
        {"scheduled_at": NOON},
        {"permission": Permission(basis=Basis.CONSENT)},
        {"person": replace(SMS.person, content="Something else")},
        {"person": replace(SMS.person, phone="+447700900124")},
    ],
    ids=repr,
)
def test_another_notification_under_the_same_key_is_refused(world, changed):
    world.one(SMS)
    assert isinstance(world.one(replace(SMS, **changed)), IdempotencyKeyReused)
    assert world.ledger.head() == 1


def test_a_key_is_known_when_the_time_of_its_notification_has_gone_by(world):
    scheduled = replace(SMS, scheduled_at=NOON)
    world.one(scheduled)
    world.now = NOON + 2 * SCHEDULED_LATE_MAX
    assert not world.one(scheduled).is_new
    assert isinstance(world.one(replace(scheduled, idempotency_key="other")), ScheduledInThePast)


def test_of_an_erased_person_nobody_knows_whether_it_was_the_same(world):
    first = world.one(SMS)
    world.persons.erased.add(first.notification_id)
    assert not world.one(replace(SMS, person=Person(phone="+447700900999"))).is_new
    assert isinstance(world.one(replace(SMS, reference="other")), IdempotencyKeyReused)


def test_one_who_cannot_be_read_holds_up_nobody_else(world):
    others = [replace(SMS, idempotency_key=f"order-{n}") for n in range(3)]
    unreadable, *_ = [world.one(request).notification_id for request in others]
    read = world.persons.read

    def damaged(persons):
        if unreadable in persons:
            raise PersonUnreadable("its key is gone")
        return read(persons)

    world.persons.read = damaged
    assert [answer.is_new for answer in world.take(others, "ann")] == [False] * 3


def test_without_a_key_each_is_a_new_one(world):
    unkeyed = replace(SMS, idempotency_key="")
    assert world.one(unkeyed).notification_id != world.one(unkeyed).notification_id


def test_many_are_one_append_with_an_answer_each(world):
    other, late = replace(SMS, idempotency_key="order-8"), replace(SMS, idempotency_key="l", scheduled_at=NOON.min)
    late = replace(late, scheduled_at=NOON - 2 * SCHEDULED_LATE_MAX)
    answers = world.take([SMS, other, SMS, replace(SMS, reference="x"), late, replace(SMS, idempotency_key="")], "ann")
    assert [getattr(answer, "is_new", type(answer)) for answer in answers] == [
        True, True, False, IdempotencyKeyReused, ScheduledInThePast, True,
    ]  # fmt: skip
    assert len({record.causation_id for record in world.ledger.read(0, 10)}) == 1


@pytest.mark.parametrize("same", [True, False])
def test_of_two_at_the_same_moment_one_is_opened_and_the_other_is_told(world, same):
    """Another process opens it between our look and our append."""
    theirs = SMS if same else replace(SMS, reference="theirs")
    append = world.ledger.append

    def overtaken(appends):
        world.ledger.append = append
        world.one(theirs)
        return append(appends)

    world.ledger.append = overtaken
    answer = world.one(SMS)
    assert answer.is_new is False if same else isinstance(answer, IdempotencyKeyReused)
    assert world.ledger.head() == 1


def test_a_job_of_a_file_is_no_notification(world):
    with pytest.raises(NotificationUnknown):
        world.desk.show(notification_id("nobody"))
    job = start(notification_id("job"))
    world.ledger.append([job])
    with pytest.raises(NotificationUnknown):
        world.desk.show(job.stream)
    with pytest.raises(NotificationUnknown):
        world.desk.cancel(job.stream, "ann", "x")


@pytest.mark.acceptance("S.05", part="cancel: once, and not when it is too late")
def test_cancelled_once_and_not_when_it_has_ended(world):
    one, other = world.one(SMS).notification_id, world.one(replace(SMS, idempotency_key="o")).notification_id
    for _ in range(2):
        assert world.desk.cancel(one, "ann", "moved").status is JobStatus.CANCELLED
    assert world.ledger.head() == 3
    world.ledger.append([Append(other, 1, [JobDelivered(job_id=other, at=NOON)], cause())])
    with pytest.raises(JobAlreadyEnded):
        world.desk.cancel(other, "ann", "moved")


@pytest.mark.acceptance("S.05", part="batch API: each item has its answer")
def test_a_batch_has_an_answer_for_each_item_and_may_be_repeated(world):
    good = {
        "channel": "sms",
        "to": "07700 900123",
        "content": "Hi",
        "kind": "service",
        "permission": {"basis": "contract"},
    }
    items = [
        good,
        good | {"to": "12"},
        good | {"idempotencyKey": "own"},
        good | {"scheduledAt": "2020-01-01T00:00:00Z"},
    ]

    def sent():
        return take_batch(lambda requests: world.take(requests, "ann"), items, "news")

    first, again = sent(), sent()
    assert (first.accepted, first.duplicates, first.refused) == (2, 0, 2)
    assert (again.accepted, again.duplicates, again.refused) == (0, 2, 2)
    assert [item.notification_id for item in first.items] == [
        notification_id("news/0"), "", notification_id("own"), "",
    ]  # fmt: skip
    assert [item.notification_id for item in again.items] == [item.notification_id for item in first.items]
    refused = [item for item in first.items if item.outcome is ItemOutcome.REFUSED]
    assert [(item.index, item.code, item.errors[0].pointer) for item in refused] == [
        (1, "notification_invalid", "#/items/1/to"),
        (3, "scheduled_in_the_past", "#/items/3"),
    ]
