"""Files of other servers, from a real one: only what changed, within limits, from allowed addresses alone."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import pytest

from dispatch.adapters.sources.addresses import Allowed, is_public
from dispatch.adapters.sources.web import Web
from dispatch.application.ports.sources import LookFailed
from web_files import WebFiles, web_files

V4 = (
    "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 0.0.0.1 100.64.0.1 224.0.0.1 255.255.255.255 192.0.2.1"
    " 198.18.0.1 240.0.0.1"
)
V6 = (
    "::1 :: fe80::1 fc00::1 fd00:ec2::254 ff02::1 fec0::1 ::ffff:127.0.0.1 ::ffff:a9fe:a9fe 64:ff9b::7f00:1"
    " 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a9fe:a9fe::1 2001:db8::1"
)


@pytest.fixture
def server() -> Iterator[WebFiles]:
    with web_files() as running:
        running.files["/jobs.csv"] = b"reference\n1\n"
        yield running


def fetch(web: Web, url: str, mark: str = "") -> tuple[bytes, str, str] | None:
    with web.fetch(url, mark) as found:
        return (b"".join(found.chunks()), found.name, found.mark) if found else None


def failure(web: Web, url: str) -> LookFailed:
    with pytest.raises(LookFailed) as caught:
        fetch(web, url)
    assert caught.value.what
    assert caught.value.fix
    return caught.value


LOCAL = Web(Allowed("127.0.0.1"))


@pytest.mark.acceptance("1.58", part="unchanged content is not fetched again")
def test_what_is_unchanged_is_not_fetched_again(server: WebFiles):
    content, name, mark = fetch(LOCAL, f"{server.url}/jobs.csv") or (b"", "", "")
    assert (content, name) == (b"reference\n1\n", "jobs.csv")
    assert fetch(LOCAL, f"{server.url}/jobs.csv", mark) is None
    assert "if-none-match" in server.asked[-1][1]
    server.files["/jobs.csv"] = b"reference\n2\n"
    changed = fetch(LOCAL, f"{server.url}/jobs.csv", mark)
    assert changed is not None
    assert changed[0] == b"reference\n2\n"


def test_a_server_without_marks_is_read_each_time(server: WebFiles):
    server.no_marks = True
    content, _, mark = fetch(LOCAL, f"{server.url}/jobs.csv") or (b"", "", "?")
    assert (content, mark) == (b"reference\n1\n", "")


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_an_answer_that_is_no_file_is_an_accident(server: WebFiles, status: int):
    server.statuses["/jobs.csv"] = status
    assert failure(LOCAL, f"{server.url}/jobs.csv").code == f"http_{status}"


def test_an_answer_that_breaks_off_is_an_accident(server: WebFiles):
    server.breaks_off.add("/jobs.csv")
    assert failure(LOCAL, f"{server.url}/jobs.csv").code == "connection_lost"


def test_redirects_are_followed_where_they_may_lead(server: WebFiles):
    server.redirects |= {"/old": "/older", "/older": "jobs.csv"}
    found = fetch(LOCAL, f"{server.url}/old")
    assert found is not None
    assert found[:2] == (b"reference\n1\n", "jobs.csv")
    server.redirects["/round"] = "/round"
    assert failure(LOCAL, f"{server.url}/round").code == "too_many_redirects"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("http://169.254.169.254/latest/meta-data", "url_invalid"),
        ("https://169.254.169.254/latest/meta-data", "address_not_allowed"),
        ("https://[::ffff:127.0.0.2]/", "address_not_allowed"),
        ("https://127.0.0.2/", "address_not_allowed"),
        ("file:///etc/passwd", "url_invalid"),
        ("https://user:secret@127.0.0.1/", "url_invalid"),
    ],
)
def test_a_redirect_into_a_private_network_is_refused(server: WebFiles, target: str, code: str):
    server.redirects["/jobs.csv"] = target
    refused = failure(LOCAL, f"{server.url}/jobs.csv")
    assert refused.code == code
    assert "secret" not in str(refused)
    assert len(server.asked) == 1


@pytest.mark.parametrize("address", f"{V4} {V6}".split())
def test_private_addresses_are_not_asked(address: str):
    assert not is_public(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    assert failure(Web(Allowed("")), f"https://{host}/jobs.csv").code == "address_not_allowed"
    assert failure(Web(Allowed("", lambda *_: [address])), "https://files.example.com/").code == "address_not_allowed"


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_public_addresses_may_be_asked(address: str):
    assert is_public(ip_address(address))


def test_a_host_is_looked_up_once_and_asked_at_that_address(server: WebFiles):
    """The address that was judged is the one that is asked: a second answer of the name server has no effect."""
    answers: list[Sequence[str]] = [["127.0.0.1"]]
    web = Web(Allowed("files.example.com", lambda *_: answers.pop(0)))
    port = server.url.rpartition(":")[2]
    found = fetch(web, f"http://files.example.com:{port}/jobs.csv")
    assert found is not None
    assert server.asked[-1][1]["host"] == f"files.example.com:{port}"
    assert answers == []


@pytest.mark.parametrize(
    "url", ["", "jobs.csv", "ftp://example.com/", "http://example.com/jobs.csv", "https://", "https://a:b@example.com/",
            "https://example.com:x/", "//example.com"],
)  # fmt: skip
def test_what_is_no_https_address_is_refused_before_anything_is_asked(url: str):
    with pytest.raises(LookFailed) as caught:
        LOCAL.check(url)
    assert caught.value.code == "url_invalid"


def test_networks_can_be_allowed():
    allowed = Allowed("10.0.0.0/8, intranet", lambda *_: ["10.9.8.7"])
    assert allowed.address("anything", 443) == "10.9.8.7"
    assert allowed.names("INTRANET.")
    assert allowed.names("10.1.1.1")
    assert not allowed.names("11.1.1.1")


def test_a_server_that_nobody_runs_is_an_accident(server: WebFiles):
    assert failure(LOCAL, "http://127.0.0.1:9/jobs.csv").code == "connection_lost"
