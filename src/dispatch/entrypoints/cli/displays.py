"""The forms of progress: live bars on a terminal, lines elsewhere, or nothing."""

from collections.abc import Callable, Sequence
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from dispatch.entrypoints.cli.bars import Bar

LINE_EVERY_S = 1.0


class Display(Protocol):
    """Where progress is shown; called about five times a second."""

    def show(self, bars: Sequence[Bar]) -> None: ...

    def remark(self, text: str) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class LiveDisplay:
    """One bar per line, drawn in place."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            refresh_per_second=5,
        )
        self._tasks: dict[str, TaskID] = {}

    def show(self, bars: Sequence[Bar]) -> None:
        for bar in bars:
            if bar.name not in self._tasks:
                self._tasks[bar.name] = self._progress.add_task(bar.name, total=bar.total, note=bar.note)
            self._progress.update(self._tasks[bar.name], completed=bar.done, total=bar.total, note=bar.note)

    def remark(self, text: str) -> None:
        self._progress.console.print(text, markup=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()


class LinesDisplay:
    """One line for each bar that has changed, once a second at most, and the last state in any case."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console, self._clock = console, clock
        self._shown: dict[str, Bar] = {}
        self._waiting: list[Bar] = []
        self._next_at = clock()

    def show(self, bars: Sequence[Bar]) -> None:
        self._waiting = [bar for bar in bars if self._shown.get(bar.name) != bar]
        if self._clock() >= self._next_at:
            self._write()

    def remark(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._write()

    def _write(self) -> None:
        for bar in self._waiting:
            total = "" if bar.total is None else f"{bar.done:,}/{bar.total:,}"
            self._console.print("  ".join(filter(None, (bar.name, total, bar.note))), markup=False, soft_wrap=True)
            self._shown[bar.name] = bar
        if self._waiting:
            self._next_at = self._clock() + LINE_EVERY_S
        self._waiting = []


class NoDisplay:
    """Shows nothing."""

    def show(self, bars: Sequence[Bar]) -> None:
        pass

    def remark(self, text: str) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass
