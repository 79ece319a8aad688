"""What kinds of file can be taken in: one profile each."""

from dispatch.application.intake.profiles.profile import Column, Kind, Profile, column_key
from dispatch.application.intake.profiles.service_job import SERVICE_JOB

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (SERVICE_JOB,)}


class ProfileUnknown(LookupError):
    """No profile has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no profile {name!r}; known: {', '.join(PROFILES)}")
        self.name = name


def profile_named(name: str) -> Profile:
    """The profile of this name. Raises ProfileUnknown, which lists the known ones."""
    try:
        return PROFILES[name]
    except KeyError:
        raise ProfileUnknown(name) from None


__all__ = ["PROFILES", "SERVICE_JOB", "Column", "Kind", "Profile", "ProfileUnknown", "column_key", "profile_named"]
