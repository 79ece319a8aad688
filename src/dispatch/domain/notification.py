"""What a notification may be: how long on which channel, and on which ground for which purpose."""

from collections.abc import Mapping
from enum import StrEnum

from dispatch.domain.consent import Basis

CONTENT_MAX: Mapping[str, int] = {"sms": 160, "push": 240, "email": 10_000}
"""Characters (Unicode code points) by channel; there are no other channels."""
SUBJECT_MAX = 200
"""Characters of the subject, which only an e-mail has."""


class Purpose(StrEnum):
    """What a message is for: the law asks more of marketing (PECR regulation 22)."""

    SERVICE = "service"
    MARKETING = "marketing"


def is_ground_for(basis: Basis, purpose: Purpose) -> bool:
    """Can a message for this purpose stand on this ground? A contract carries messages about itself only (PE12)."""
    return basis is not Basis.NONE and (purpose is Purpose.SERVICE or basis is not Basis.CONTRACT)
