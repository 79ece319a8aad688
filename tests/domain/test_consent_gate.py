"""The consent gate as a table: every basis, every reason to block, and the days at the edges (UK PECR)."""

from datetime import date, timedelta

import pytest

from dispatch.domain.consent import CONSENT_LASTS, Basis, Clearance, Permission, clear_to_contact

TODAY = date(2026, 11, 23)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
LAST_DAY = TODAY - CONSENT_LASTS


def consent(on: date | None, statement: str = "st-1@2") -> Permission:
    return Permission(basis=Basis.CONSENT, consent_on=on, statement=statement)


ALLOWED = [
    pytest.param(
        Permission(basis=Basis.CONTRACT),
        "PE12",
        id="a service message about an ordered job",
        marks=pytest.mark.acceptance("PE12", part="a service message needs no consent"),
    ),
    pytest.param(
        consent(YESTERDAY),
        "PE2",
        id="consent with evidence",
        marks=pytest.mark.acceptance("PE2", part="consent for the time being"),
    ),
    pytest.param(consent(TODAY), "PE2", id="consent of today"),
    pytest.param(consent(LAST_DAY), "PE2", id="consent on its last day"),
    pytest.param(
        Permission(basis=Basis.SOFT_OPT_IN, sale_ref="S-9"),
        "PE3",
        id="soft opt-in from a sale",
        marks=pytest.mark.acceptance("PE3", part="details from a sale"),
    ),
]
BLOCKED = [
    pytest.param(
        Permission(),
        "PE2",
        "no_lawful_basis",
        id="nothing known",
        marks=pytest.mark.acceptance("PE2", part="fails closed"),
    ),
    pytest.param(
        consent(None),
        "PE1",
        "consent_without_evidence",
        id="consent without a date",
        marks=pytest.mark.acceptance("PE1", part="consent without evidence is none"),
    ),
    pytest.param(consent(YESTERDAY, ""), "PE1", "consent_without_evidence", id="consent to an unknown statement"),
    pytest.param(consent(TOMORROW), "PE1", "consent_in_the_future", id="consent of tomorrow"),
    pytest.param(
        consent(LAST_DAY - timedelta(days=1)),
        "PE9",
        "consent_expired",
        id="consent a day too old",
        marks=pytest.mark.acceptance("PE9", part="consent expires"),
    ),
    pytest.param(
        Permission(basis=Basis.SOFT_OPT_IN),
        "PE3",
        "soft_opt_in_without_sale",
        id="soft opt-in of a bought list",
        marks=pytest.mark.acceptance("PE3", part="bought lists do not qualify"),
    ),
]


@pytest.mark.parametrize(("permission", "rule"), ALLOWED)
def test_a_shown_basis_allows(permission: Permission, rule: str):
    assert clear_to_contact(permission, TODAY) == Clearance(allowed=True, rule=rule)


@pytest.mark.parametrize(("permission", "rule", "reason"), BLOCKED)
def test_what_is_not_shown_to_be_allowed_is_blocked(permission: Permission, rule: str, reason: str):
    assert clear_to_contact(permission, TODAY) == Clearance(allowed=False, rule=rule, reason=reason)


@pytest.mark.acceptance("PE8", part="an objection wins over every basis")
@pytest.mark.parametrize("basis", Basis)
def test_an_objection_wins_over_every_basis(basis: Basis):
    strongest = Permission(basis=basis, consent_on=YESTERDAY, statement="st-1@2", sale_ref="S-9", objected=True)
    assert clear_to_contact(strongest, TODAY) == Clearance(allowed=False, rule="PE8", reason="objected")


def test_the_table_covers_every_basis():
    assert {case.values[0].basis for case in ALLOWED + BLOCKED if isinstance(case.values[0], Permission)} == set(Basis)
