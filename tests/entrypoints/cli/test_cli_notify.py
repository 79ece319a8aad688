"""`dispatch notify`: messages from files, sent once per key, listed, shown and cancelled."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from dispatch.domain.identity import notification_id
from dispatch.entrypoints.cli.main import dispatch

pytestmark = pytest.mark.postgres
PHONE = "07700 900461"
GOOD = {"channel": "sms", "to": PHONE, "content": "We come.", "kind": "service", "permission": {"basis": "contract"}}


@pytest.fixture
def write(tmp_path):
    def to_file(content):
        path = tmp_path / "messages.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return to_file


@pytest.mark.acceptance("S.05", part="the same from the command line")
def test_messages_are_sent_once_listed_shown_and_cancelled(system, run, write):
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    file = write([GOOD | {"reference": "order-7"}, GOOD | {"scheduledAt": later, "priority": "high"}])
    sent = run("notify", "send", file, "--key", "news", "--json")
    assert sent.code == 0, sent.err
    assert [(item["outcome"], item["notificationId"]) for item in sent.lines()] == [
        ("accepted", notification_id("news/0")),
        ("accepted", notification_id("news/1")),
    ]
    again = run("notify", "send", file, "--key", "news")
    assert again.out.count("was taken before. Nothing was done.") == 2
    system.project()
    waiting = run("notify", "list", "--status", "waiting", "--json").lines()
    assert [(row["notificationId"], row["priority"]) for row in waiting] == [(notification_id("news/1"), "high")]
    assert len(run("notify", "list", "--channel", "sms", "--since", "2026-01-01", "--json").lines()) == 2
    listed = run("notify", "list")
    assert notification_id("news/0") in listed.out
    shown = run("notify", "show", notification_id("news/1"))
    assert "scheduled" in shown.out
    assert "JobOpened" in shown.out
    cancelled = run("notify", "cancel", notification_id("news/1"), "--reason", "moved", "--json")
    assert cancelled.json()["status"] == "cancelled"
    jobs = run("job", "list")
    assert notification_id("news/0") in jobs.out, "a notification is a job that no row names"
    why = run("job", "why", notification_id("news/0"))
    assert why.code == 0, why.err
    for answer in (sent, again, listed, shown, cancelled, jobs, why):
        assert "900461" not in answer.out + answer.err
        assert "We come" not in answer.out + answer.err


def test_one_message_from_standard_input(system):
    result = CliRunner().invoke(dispatch, ["notify", "send", "-"], input=json.dumps(GOOD), prog_name="dispatch")
    assert result.exit_code == 0, result.output
    assert "is taken." in result.stdout


def test_what_is_refused_is_said_with_its_place_and_the_others_are_taken(system, run, write):
    answer = run("notify", "send", write({"items": [GOOD, GOOD | {"to": "12"}]}))
    assert answer.code == 1
    assert "is taken." in answer.out
    assert "Message 2 is refused: notification_invalid" in answer.out
    assert "#/items/1/to" in answer.out


def test_waiting_for_what_is_scheduled_ends_at_once_and_says_what_was_refused(system, run, write):
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = run("notify", "send", write([GOOD | {"scheduledAt": later}, {}]), "--wait", "--json")
    assert answer.code == 1
    refused, waiting = answer.lines()
    assert (refused["index"], refused["outcome"], waiting["status"]) == (1, "refused", "waiting")
    single = write(GOOD | {"scheduledAt": later})
    sent = run("notify", "send", single, "--key", "one", "--wait")
    assert f"{notification_id('one')}: waiting until" in sent.out, "the key as it was given, as over HTTP"


@pytest.mark.parametrize(
    ("content", "code"), [("{", "json_malformed"), ("[]", "notification_invalid"), ([1] * 1001, "notification_invalid")]
)
def test_a_file_that_is_no_messages_is_refused(system, run, write, content, code):
    answer = run("notify", "send", write(content), "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, code)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "7"), "notification_id_invalid"),
        (("show", notification_id("nobody")), "notification_unknown"),
        (("cancel", notification_id("nobody"), "--reason", "x"), "notification_unknown"),
    ],
)
def test_what_is_not_there_is_said(system, run, arguments, code):
    answer = run("notify", *arguments, "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, code)


@pytest.mark.acceptance("PE10", part="a device is forgotten like any other address")
def test_a_person_is_forgotten_by_the_token_of_their_device(system, run, write):
    push = GOOD | {"channel": "push", "to": "d3v1ce-T0ken"}
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    run("notify", "send", write([push, push | {"scheduledAt": later}, GOOD]), "--key", "p")
    erased = run("contact", "erase", "--device", "d3v1ce-T0ken", "--reason", "request 4711", "--yes", "--json")
    assert erased.code == 0, erased.err
    assert sorted(erased.json()["erasure"]["jobs"]) == sorted(notification_id(f"p/{n}") for n in (0, 1))
    assert system.app.notifications.show(notification_id("p/1")).status == "cancelled"
    assert run("contact", "erase", "--device", "d", "--phone", PHONE, "--reason", "x").code == 2
