"""What kinds of file can be taken in: one profile each, as data."""

from dispatch.application.intake.profiles.profile import Column, Kind, Profile, column_key
from dispatch.application.intake.profiles.reading import ProfileInvalid
from dispatch.application.intake.profiles.shelf import SHIPPED, ProfileUnknown, Shelf

SHELF = Shelf(SHIPPED)
"""The profiles of this process: those that come with dispatch, and those of the folder that the settings name."""
SERVICE_JOB = SHELF.find("service-job")


def profile_named(name: str, version: int | None = None) -> Profile:
    """The profile of this name, the newest or this version. Raises ProfileUnknown, which lists the known ones."""
    return SHELF.find(name, version)


__all__ = [
    "SERVICE_JOB",
    "SHELF",
    "Column",
    "Kind",
    "Profile",
    "ProfileInvalid",
    "ProfileUnknown",
    "Shelf",
    "column_key",
    "profile_named",
]
