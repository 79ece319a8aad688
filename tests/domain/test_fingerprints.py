"""Which failures are the same failure, and how bad each is (acceptance S.11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.failures import MESSAGE_CHARACTERS_MAX, Severity, fingerprint, normalise, severity


@pytest.mark.parametrize(
    ("message", "normalised"),
    [
        ("HTTP 503 after 1.5 s", "HTTP <n> after <n> s"),
        ("job 019aaf6c-1c00-83f2-8c1e-7a4d00000007 is gone", "job <id> is gone"),
        ("at 0x7f8e1c and deadbeef01", "at <hex> and <hex>"),
        ("no mailbox \"ann\" for 'ann'", "no mailbox <text> for <text>"),
        ("ann@example.org was refused", "<email> was refused"),
        ("see https://api.example.com/v1/x?id=7", "see <url>"),
        ("order ORD-17, slot s12b", "order <id>, slot <id>"),
        ("it wasn't there", "it wasn't there"),
        ("  two   spaces\n", "two spaces"),
        ("", ""),
    ],
)
def test_what_differs_from_job_to_job_is_left_out(message: str, normalised: str):
    assert normalise(message) == normalised
    assert normalise(normalised) == normalised


@given(st.text(max_size=400))
def test_a_message_of_any_kind_stays_short(message: str):
    assert len(normalise(message)) <= MESSAGE_CHARACTERS_MAX


def test_a_group_is_stage_provider_code_and_normalised_message():
    here = fingerprint("enrich", "hunter", "server_error", "HTTP 503 for job 17")
    assert here == fingerprint("enrich", "hunter", "server_error", "HTTP 504 for job 99")
    others = {
        fingerprint("verify", "hunter", "server_error", "HTTP 503 for job 17"),
        fingerprint("enrich", "apify", "server_error", "HTTP 503 for job 17"),
        fingerprint("enrich", "hunter", "timeout", "HTTP 503 for job 17"),
        fingerprint("enrich", "hunter", "server_error", "connection reset"),
    }
    assert len(others | {here}) == 5


def test_a_fingerprint_is_the_same_for_ever():
    assert fingerprint("enrich", "", "timeout", "") == "04cf94657320"


@pytest.mark.acceptance("S.11", part="severities warning, error and critical")
def test_how_bad_it_is():
    assert severity("timeout", transient=True) is Severity.WARNING
    assert severity("no_such_mailbox", transient=False) is Severity.ERROR
    assert severity("stage_crashed", transient=False) is Severity.CRITICAL
