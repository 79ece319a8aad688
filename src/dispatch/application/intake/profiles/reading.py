"""Profiles as files: TOML, named `NAME.VERSION.toml`. A file that cannot be used says where and why."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from dispatch.application.intake.profiles.profile import Profile
from dispatch.application.routes import find_routes

_FILE_NAME = re.compile(r"([a-z0-9][a-z0-9-]{0,62})\.([1-9][0-9]{0,5})\.toml", re.ASCII)
_WHERE = re.compile(r" - at `\$\.?(.*?)`$")


class ProfileInvalid(ValueError):
    """A file is no profile: which file, where in it, and what is wrong."""

    def __init__(self, file: str, what: str, where: str = "") -> None:
        place = f"{file}, at {where}" if where else file
        super().__init__(f"{place}: {what}")
        self.file, self.what, self.where = file, what, where


def read_profile(path: Path) -> Profile:
    """The profile in this file. Raises ProfileInvalid; OSError."""
    found = _FILE_NAME.fullmatch(path.name)
    if found is None:
        what = "the name of a profile's file is NAME.VERSION.toml, with a name of a-z, 0-9 and hyphens"
        raise ProfileInvalid(path.name, what)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ProfileInvalid(path.name, "this is not UTF-8 text") from None
    profile = parse_profile(text, path.name)
    if (profile.name, str(profile.version)) != found.groups():
        what = f"it says name {profile.name!r} and version {profile.version}, and its file name something else"
        raise ProfileInvalid(path.name, what)
    return profile


def parse_profile(text: str, file: str) -> Profile:
    """The profile that this TOML is. Raises ProfileInvalid."""
    try:
        return msgspec.convert(_with_route(tomllib.loads(text), file), Profile)
    except tomllib.TOMLDecodeError as error:
        raise ProfileInvalid(file, f"this is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        what = str(error)
        where = found[1] if (found := _WHERE.search(what)) else ""
        raise ProfileInvalid(file, _WHERE.sub("", what), where) from None


def _with_route(found: dict[str, Any], file: str) -> dict[str, Any]:
    """A route may be named: its stages are those that it has today."""
    name = found.get("route")
    if not isinstance(name, str):
        return found
    route = find_routes().get(name)
    if route is None:
        raise ProfileInvalid(file, f"there is no route {name!r}; known: {', '.join(find_routes())}", "route")
    return {**found, "route": list(route.stages)}
