"""Profiles over HTTP: what kinds of file can be taken in."""

from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import FromPath, QueryParameter

from dispatch.application.intake.profiles import SHELF, Profile, profile_named
from dispatch.entrypoints.http.problem import documented


class ProfileShown(msgspec.Struct, frozen=True, kw_only=True):
    """A profile in short."""

    name: str
    version: int
    natural_key: str
    header: str
    required: list[str]


@get("/profiles", operation_id="listProfiles", sync_to_thread=True, responses=documented())
def list_profiles() -> list[ProfileShown]:
    """The profiles at hand, every version, the newest of each first."""
    return [
        ProfileShown(
            name=one.name,
            version=one.version,
            natural_key=one.natural_key,
            header=one.header(),
            required=[column.name for column in one.columns if column.required],
        )
        for one in SHELF.all()
    ]


@get("/profiles/{name:str}", operation_id="getProfile", sync_to_thread=True, responses=documented(422))
def show_profile(
    name: FromPath[str],
    version: Annotated[int | None, QueryParameter(ge=1, description="This version, not the newest.")] = None,
) -> Profile:
    """One profile with everything that it says."""
    return profile_named(name, version)


routes = Router(path="/v1", route_handlers=[list_profiles, show_profile], tags=["profiles"])
