"""Operations are recorded once, with who did them, and mend only what was found."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dispatch.domain.operations.commands import RecordReconciliation
from dispatch.domain.operations.decide import OperatorMissing, RepairWithoutDifference, decider
from dispatch.domain.operations.events import Repair, RepairKind
from examples import NOON, reconciled
from given import Given

ASKED = RecordReconciliation(
    operation_id=reconciled.operation_id,
    at=NOON,
    by=" ann ",
    scope="all",
    batches=3,
    jobs=2048,
    counts={"job_view_differs": 1, "job_forgotten": 2, "sent_twice": 0},
    repairs=reconciled.repairs,
    duration_ms=840,
)


def test_a_reconciliation_is_recorded_with_its_counts_in_order():
    Given(decider).when(ASKED).then(reconciled)


def test_asked_twice_it_is_recorded_once():
    Given(decider, reconciled).when(replace(ASKED, at=NOON + timedelta(hours=1))).then_nothing()


@pytest.mark.acceptance("S.09", part="a repair has a name beside it")
def test_nobody_mends_without_a_name():
    Given(decider).when(replace(ASKED, by=" ")).then_refused(OperatorMissing)


def test_nothing_is_mended_that_did_not_differ():
    repair = Repair(kind=RepairKind.TAKE_OVER, target="b", because="batch_stale")
    Given(decider).when(replace(ASKED, repairs=(repair,))).then_refused(RepairWithoutDifference)
