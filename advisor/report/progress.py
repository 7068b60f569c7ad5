"""Progress on stderr: one bar a candidate, on a terminal; nothing elsewhere but the sentences."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from advisor.events import Event, Progressed, Said


class ProbeProgress:
    """Shows what is running, on stderr.

    Examples
    --------
    >>> with ProbeProgress() as shown:
    ...     shown.named("train")("features", 1, 10)
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bars = Progress(
                TextColumn("{task.fields[who]:<24}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}", style="dim", markup=False),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, sentence: str) -> None:
        """Print a sentence, unbroken: the path in it is there to be copied."""
        self._console.print(sentence, style="dim", markup=False, soft_wrap=True)

    def hear(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Said():
                self.say(event.sentence)
            case Progressed():
                self.update(str(event.candidate), event.what, event.done, event.total)
            case _:
                pass

    def named(self, who: str) -> Shown:
        """Return what a piece of work calls with its progress."""
        return Shown(self, who)

    def update(self, who: str, what: str, done: int, total: int) -> None:
        """Move the bar of `who`."""
        if self._bars is None:
            return
        if who not in self._tasks:
            for task in self._tasks.values():
                self._bars.stop_task(task)
            self._tasks[who] = self._bars.add_task(what, total=total, who=who[-24:])
        self._bars.update(self._tasks[who], description=what, completed=done, total=total)


class Shown:
    """The progress of one piece of work.

    Parameters
    ----------
    owner : ProbeProgress
    who : str
    """

    def __init__(self, owner: ProbeProgress, who: str) -> None:
        self._owner = owner
        self._who = who

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done of `what`."""
        self._owner.update(self._who, what, done, total)
