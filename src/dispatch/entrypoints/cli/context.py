"""What the commands share: the data folder, the form of the answer, and the application when one needs it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Nothing heavy before a command needs it: `dispatch --help` answers at once.
    from dispatch.entrypoints.bootstrap import App
    from dispatch.entrypoints.settings import Loaded


@dataclass
class Cli:
    """The options of this call."""

    data: Path | None = None
    as_json: bool = False
    environment: str = ""

    def load(self) -> "Loaded":
        """The settings in effect; of a named environment those of its file alone. Raises SettingsError."""
        from dispatch.entrypoints.settings import load_settings

        if self.environment:
            from dispatch.entrypoints.environments import read_environment

            return load_settings(read_environment(self.environment), {"data": self.data}, join_running=False)
        return load_settings(os.environ, {"data": self.data})

    @contextmanager
    def open_app(self) -> Iterator["App"]:
        """The application of the system that is named by the settings. Raises SettingsError, NotRunning."""
        from dispatch.entrypoints.bootstrap import open_app
        from dispatch.entrypoints.logs import configure_logs

        settings = self.load().settings
        configure_logs("debug" if settings.log_level.lower() == "debug" else "error", role="cli")
        app = open_app(settings)
        try:
            yield app
        finally:
            app.close()


def who() -> str:
    """Under which name the ledger records what is asked here: the user of the machine."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        return f"uid-{os.getuid()}"
