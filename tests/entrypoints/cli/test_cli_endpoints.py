"""Endpoints from the command line, on a real receiver."""

import pytest
from standardwebhooks import Webhook

from receiver import receiver

pytestmark = pytest.mark.postgres


@pytest.mark.acceptance("2.13", part="which events go to which URL is registered, shown, and changed while it runs")
def test_an_endpoint_from_the_first_test_to_its_end(system, run, monkeypatch):
    monkeypatch.setenv("DISPATCH_ENDPOINT_PRIVATE_HOSTS", "127.0.0.1")
    with receiver() as hooks:
        added = run("endpoint", "add", "crm", "--url", hooks.url, "--type", "job.*", "--json").json()
        assert (added["recorded"], added["endpoint"]["types"]) == (True, ["job.*"])
        assert "before" in run("endpoint", "add", "crm", "--url", hooks.url, "--type", "job.*").out
        assert "was answered 204" in run("endpoint", "test", "crm").out
        Webhook(added["secret"]).verify(hooks.received[0].body, hooks.received[0].headers)
        hooks.answer = lambda _: (500, {}, b"out of order")
        failed = run("endpoint", "test", "crm")
        assert (failed.code, "http_500" in failed.out, "out of order" in failed.out) == (1, True, True)
        assert [row["error"] for row in run("endpoint", "deliveries", "crm", "--json").lines()] == ["http_500", ""]
        assert "http_500" in run("endpoint", "deliveries", "crm").out
        rotated = run("endpoint", "rotate", "crm", "--json").json()["secret"]
        assert rotated not in ("", added["secret"])
        assert run("endpoint", "replay", "crm", "--since", "2026-01-01T00:00:00").code == 0
        assert run("endpoint", "disable", "crm", "--reason", "moving").code == 0
        assert "already" in run("endpoint", "disable", "crm").out
        assert "moving" in run("endpoint", "show", "crm").out
        [row] = run("endpoint", "list", "--json").lines()
        assert (row["name"], row["status"]) == ("crm", "disabled")
        assert "crm" in run("endpoint", "list").out
        assert run("endpoint", "enable", "crm").code == 0
        assert run("endpoint", "remove", "crm").code == 0
        assert run("endpoint", "list", "--json").lines() == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "nobody"), "endpoint_unknown"),
        (("add", "crm", "--url", "https://192.168.0.1/"), "endpoint_url_invalid"),
        (("add", "crm", "--url", "https://example.com/", "--type", "x"), "endpoint_filter_invalid"),
        (("replay", "crm", "--since", "yesterday"), "time_invalid"),
    ],
)
def test_bad_input_says_how_to_mend_it(system, run, arguments, code):
    answer = run("endpoint", *arguments, "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, code)
    assert answer.json()["error"]["fix"]
