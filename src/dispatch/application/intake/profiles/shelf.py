"""The profiles at hand: those that come with dispatch, and those of a folder of one's own; every version of each."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dispatch.application.intake.profiles.profile import Profile
from dispatch.application.intake.profiles.reading import ProfileInvalid, read_profile

SHIPPED = Path(__file__).parent


class ProfileUnknown(LookupError):
    """No profile has this name, or not in this version."""

    def __init__(self, name: str, version: int | None, known: Iterable[Profile]) -> None:
        listed = ", ".join(sorted({profile.name for profile in known}))
        asked = f"{name!r}" if version is None else f"{name!r} of version {version}"
        super().__init__(f"there is no profile {asked}; known: {listed}")
        self.name = name


class Shelf:
    """Profiles by name and version. A file that appears in the folder is found when it is first asked for."""

    def __init__(self, *folders: Path) -> None:
        self._folders = list(folders)
        self._profiles: dict[tuple[str, int], Profile] = {}
        self._read: dict[Path, int] = {}  # When the file was changed that was read, in nanoseconds.
        for folder in folders:
            self._look(folder)

    def add(self, folder: Path) -> None:
        """Look into one more folder. Raises ProfileInvalid: a file there cannot be used; OSError."""
        if folder not in self._folders:
            self._folders.append(folder)
        self._look(folder)

    def find(self, name: str, version: int | None = None) -> Profile:
        """The profile of this name, the newest or this version. Raises ProfileUnknown, which lists the known ones."""
        found = self._find(name, version) if version is not None else None
        if found is None:
            self._look_again()
            found = self._find(name, version)
        if found is None:
            raise ProfileUnknown(name, version, self._profiles.values())
        return found

    def all(self) -> list[Profile]:
        """Every version of every profile, by name, the newest first."""
        self._look_again()
        return sorted(self._profiles.values(), key=lambda profile: (profile.name, -profile.version))

    def _find(self, name: str, version: int | None) -> Profile | None:
        if version is not None:
            return self._profiles.get((name, version))
        versions = [known for of, known in self._profiles if of == name]
        return self._profiles[name, max(versions)] if versions else None

    def _look_again(self) -> None:
        """For files that are new. One that cannot be used must not stop those that can: `profile check` says why."""
        for folder in self._folders[1:]:
            with suppress(OSError):
                for path in sorted(folder.glob("*.toml")):
                    with suppress(ProfileInvalid):
                        self._take(path)

    def _look(self, folder: Path) -> None:
        for path in sorted(folder.glob("*.toml")):
            self._take(path)

    def _take(self, path: Path) -> None:
        changed = path.stat().st_mtime_ns
        if self._read.get(path) == changed:
            return
        profile = read_profile(path)
        key = profile.name, profile.version
        if key in self._profiles and self._profiles[key] != profile:
            what = "there is another profile of this name and version; a change needs a new version"
            raise ProfileInvalid(path.name, what)
        self._profiles[key] = profile
        self._read[path] = changed
