"""A contact is erased once for each job that is found, with a reason, and never twice."""

import pytest

from dispatch.domain.contact.commands import EraseSubject
from dispatch.domain.contact.decide import ContactUnknown, ReasonMissing, decider
from dispatch.domain.contact.events import SubjectErased
from examples import NOON
from given import Given

C = "7a4d3f2b-8c1e-8e5f-9b6a-0c1d2e3f4a5b"


def ask(*jobs: str, reason: str = "request 4711") -> EraseSubject:
    return EraseSubject(contact_id=C, at=NOON, by="ann", reason=reason, jobs=jobs)


def erased(*jobs: str) -> SubjectErased:
    return SubjectErased(contact_id=C, at=NOON, by="ann", reason="request 4711", jobs=jobs)


def test_the_persons_of_all_jobs_that_are_found_are_erased():
    Given(decider).when(ask("j1", "j2")).then(erased("j1", "j2"))


def test_what_was_erased_is_not_erased_again():
    Given(decider, erased("j1")).when(ask("j1")).then()
    Given(decider, erased("j1")).when(ask()).then()


def test_a_job_that_came_later_is_erased_by_the_next_request():
    Given(decider, erased("j1")).when(ask("j1", "j2")).then(erased("j2"))


def test_an_address_of_which_nothing_is_known_is_refused():
    with pytest.raises(ContactUnknown):
        decider.decide(ask(), decider.initial())


def test_a_reason_is_needed():
    with pytest.raises(ReasonMissing):
        decider.decide(ask("j1", reason=" "), decider.initial())
