"""The rules of the approval desk, as the settings say them."""

from datetime import timedelta

from dispatch.domain.batch.desk import DeskRules
from dispatch.entrypoints.settings import Settings

PENCE = 100
WHOLE_PERCENT = 100


def desk_rules(settings: Settings) -> DeskRules:
    """When a batch waits for a person, by the settings."""
    return DeskRules(
        warning_percent=settings.approval_error_percent if settings.approval_error_percent < WHOLE_PERCENT else None,
        value_pence_max=settings.approval_value_pounds * PENCE or None,
        answer_within=timedelta(minutes=settings.approval_minutes),
        other_person=settings.approval_other_person,
    )
