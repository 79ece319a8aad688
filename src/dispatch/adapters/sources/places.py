"""Everything that a source can name, behind one port."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from dispatch.adapters.sources.folders import Folders
from dispatch.adapters.sources.web import Web
from dispatch.application.ports.sources import FoundFile, WatchedFile
from dispatch.domain.source.events import SourceKind


class RealPlaces:
    """Implements the port `Places` on the file system and on HTTP."""

    def __init__(self, folders: Folders, web: Web) -> None:
        self._folders, self._web = folders, web

    def check(self, kind: SourceKind, location: str) -> None:
        match kind:
            case SourceKind.FOLDER | SourceKind.FILE:
                self._folders.check(location, is_folder=kind is SourceKind.FOLDER)
            case SourceKind.HTTP:
                self._web.check(location)
            case SourceKind.WEBHOOK:
                pass  # It sends by itself.

    @contextmanager
    def folder(self, location: str) -> Iterator[Sequence[WatchedFile]]:
        with self._folders.folder(location) as files:
            yield files

    def file(self, location: str, mark: str) -> AbstractContextManager[FoundFile | None]:
        return self._folders.file(location, mark)

    def fetch(self, location: str, mark: str) -> AbstractContextManager[FoundFile | None]:
        return self._web.fetch(location, mark)
