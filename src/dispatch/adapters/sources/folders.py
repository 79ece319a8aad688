"""Folders and files below the allowed ones. No link is followed, in no part of a path (O_NOFOLLOW, openat)."""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dispatch.application.ports.sources import LookFailed

SETTLED_AFTER_S = 1.0
"""A file is left alone that changes within so long: somebody writes it."""
PIECE_BYTES = 1 << 20
UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")
TAKEN, REFUSED = "taken", "refused"
FILES_PER_LOOK = 100

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Known = tuple[int, int, int, int]  # Device, inode, size, nanoseconds of the last change.


def known(found: os.stat_result) -> Known:
    """What changes with the content of a file."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class OpenFile:
    """Implements the port `FoundFile` on a file that is open."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name, self._descriptor = name, descriptor
        self.known = known(os.fstat(descriptor))
        self.mark = " ".join(map(str, self.known))

    def chunks(self) -> Iterator[bytes]:
        with _told(self.name):
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        while chunk := self._read():
            yield chunk
        if known(os.fstat(self._descriptor)) != self.known:
            raise LookFailed("file_changing", f"{self.name} was written while it was read", "wait: it is read again")

    def _read(self) -> bytes:
        with _told(self.name):
            return os.read(self._descriptor, PIECE_BYTES)


class FileOfFolder(OpenFile):
    """Implements the port `WatchedFile`."""

    def __init__(self, name: str, descriptor: int, folder: int) -> None:
        super().__init__(name, descriptor)
        self._folder = folder

    def take(self, day: str) -> None:
        with _told(TAKEN), _below(self._folder, TAKEN) as taken, _below(taken, day) as folder:
            self._move(folder)

    def refuse(self, why: str) -> None:
        with _told(REFUSED), _below(self._folder, REFUSED) as folder:
            name = self._move(folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(f"{name}.why.txt", flags, 0o644, dir_fd=folder), "w", encoding="utf-8") as note:
                note.write(why)

    def _move(self, folder: int) -> str:
        """Move it there unless another file has its name by now; answers the name that was free."""
        try:
            if known(os.stat(self.name, dir_fd=self._folder, follow_symlinks=False)) != self.known:
                raise LookFailed("file_changing", f"{self.name} is another file now", "wait: it is looked at again")
            name = _free(self.name, folder)
            os.rename(self.name, name, src_dir_fd=self._folder, dst_dir_fd=folder)
        except FileNotFoundError:
            return self.name  # Somebody else has moved it: what was received is the same.
        return name


class Folders:
    """Reaches what is below the allowed folders."""

    def __init__(self, allowed: Sequence[Path], sleep: Callable[[float], None] = time.sleep) -> None:
        self._allowed = [Path(os.path.realpath(folder)) for folder in allowed]
        self._sleep = sleep

    def check(self, location: str, *, is_folder: bool) -> None:
        """Is it there, and allowed? Raises LookFailed."""
        with _told(location):
            if is_folder:
                with self._open_folder(location):
                    pass
            else:
                with self.file(location, ""):
                    pass

    @contextmanager
    def folder(self, location: str) -> Iterator[list[FileOfFolder]]:
        """The settled files, the oldest first, a bounded number of them."""
        with _told(location), self._open_folder(location) as folder:
            before = _files(folder)
            if before:
                self._sleep(SETTLED_AFTER_S)
            now = _files(folder) if before else {}
            settled = sorted((at[3], name) for name, at in now.items() if before.get(name) == at)
            opened: list[int] = []
            try:
                files = []
                for _, name in settled[:FILES_PER_LOOK]:
                    try:
                        descriptor = os.open(name, _FILE, dir_fd=folder)
                    except FileNotFoundError:
                        continue
                    opened.append(descriptor)
                    if stat.S_ISREG(os.fstat(descriptor).st_mode):
                        files.append(FileOfFolder(name, descriptor, folder))
                yield files
            finally:
                for descriptor in opened:
                    os.close(descriptor)

    @contextmanager
    def file(self, location: str, mark: str) -> Iterator[OpenFile | None]:
        """A file; None where it is the one that `mark` tells of."""
        path = Path(location)
        with _told(location), self._open_folder(str(path.parent)) as folder:
            descriptor = os.open(path.name, _FILE, dir_fd=folder)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise LookFailed("file_unreadable", f"{location} is no plain file", "name one file")
                found = OpenFile(path.name, descriptor)
                yield None if found.mark == mark else found
            finally:
                os.close(descriptor)

    @contextmanager
    def _open_folder(self, location: str) -> Iterator[int]:
        """Step by step from the allowed folder down, so that no part of the way can be a link."""
        root, steps = self._way(location)
        descriptor = os.open(root, _FOLDER)
        try:
            for step in steps:
                below = os.open(step, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def _way(self, location: str) -> tuple[Path, tuple[str, ...]]:
        path = Path(os.path.normpath(location))
        if path.is_absolute():
            for root in self._allowed:
                if path.is_relative_to(root):
                    return root, path.relative_to(root).parts
        allowed = ", ".join(map(str, self._allowed)) or "none"
        what = f"{location} is not below a folder that sources may name ({allowed})"
        raise LookFailed("folder_not_allowed", what, "name it whole, or add its folder to DISPATCH_SOURCE_FOLDERS")


def _files(folder: int) -> dict[str, Known]:
    """The plain files that are no half ones, with what changes when somebody writes them."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
                continue
            try:
                if entry.is_file(follow_symlinks=False):
                    found[entry.name] = known(entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue
    return found


@contextmanager
def _below(folder: int, name: str) -> Iterator[int]:
    """A folder inside another, made where it is missing."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=folder)
    descriptor = os.open(name, _FOLDER, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _free(name: str, folder: int) -> str:
    """The name, or the name with a number where a file has it already."""
    stem, dot, ending = name.rpartition(".")
    taken, number, free = set(os.listdir(folder)), 1, name
    while free in taken or f"{free}.why.txt" in taken:
        number += 1
        free = f"{stem}-{number}{dot}{ending}" if dot and stem else f"{name}-{number}"
    return free


@contextmanager
def _told(location: str) -> Iterator[None]:
    """Accidents of the file system as the error of the port."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            what, fix = f"{location} is or leads through a link, or is no folder", "name the real place"
            raise LookFailed("folder_not_allowed", what, fix) from error
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
            raise LookFailed("disk", f"{location} cannot be written", "make room, or the right to write") from error
        reason = (error.strerror or type(error).__name__).lower()
        raise LookFailed(
            "file_unreadable", f"{location} cannot be read, {reason}", "check it and its rights"
        ) from error
