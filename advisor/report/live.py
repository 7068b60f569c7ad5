"""What a user sees on stderr while work goes on: a live table in a terminal, sentences elsewhere, or nothing."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from advisor.events import Dropped, Event, Failed, Measured, Planned, Progressed, Said, Tried
from advisor.report.board import Board
from advisor.report.board_page import BoardPage
from advisor.sentences import one_line, sentence

REFRESHES = 2
"""Times a second that clocks move: drawing takes time from the measurements."""

BAR = 24
"""Columns of the bar of work that is not a race."""


class Shown:
    """Shows events as they come; a listener and a context manager.

    In a terminal a table stands below the sentences; it is drawn anew as events come and clocks move. It goes when the
    work is done, for what comes then says more. Where the work was interrupted or failed, what came out stays. Where
    stderr is no terminal, each sentence, finished measurement, drop and failure is a line of plain text.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing.

    Examples
    --------
    >>> with Shown() as shown:
    ...     shown.work("training", 1, 10)
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live: Live | None = None
        self._board = Board()
        self._work: tuple[str, int, int] | None = None
        self._sentence = ""
        """What was said last; it goes above the table when the next one comes, and stays there."""
        self._over = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        # What a library prints must not stand before the document that stdout is for.
        out = self._stack.enter_context(Path(os.devnull).open("w", encoding="utf-8")) if self._quiet else sys.stderr
        self._stack.enter_context(contextlib.redirect_stdout(out))
        console = Console(stderr=True, highlight=False, emoji=False)
        # rich takes a file for a terminal where FORCE_COLOR is set, and moving its cursor helps nobody.
        if not self._quiet and sys.stderr.isatty() and console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(console=console, get_renderable=self._drawn, refresh_per_second=REFRESHES, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:  # what stdout was comes back last, for the live view keeps it too
            if self._live is not None:
                try:
                    self._keep_sentence(self._live)
                    self._over = kind is not None
                    self._live.transient = not (self._over and self._board.last)
                finally:
                    self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self._board = self._board.after(event, time.monotonic())
        if isinstance(event, Said):
            self._work = None
        if self._live is None:
            if isinstance(event, Said | Planned | Measured | Dropped | Failed):
                self._print(sentence(event))
            return
        if isinstance(event, Said):
            self._keep_sentence(self._live)
            self._sentence = sentence(event)
        # These come often, and while a measurement runs: the next turn of the clock shows them.
        if not isinstance(event, Progressed | Tried):
            self._live.refresh()

    def say(self, text: str) -> None:
        """Show a sentence on where the work stands."""
        self(Said(text))

    def work(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done of work that is no race, such as a training."""
        self._work = (what, done, total)

    def _print(self, line: str) -> None:
        if self._quiet:
            return
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # nobody reads any more, as after `2>&1 | head`: no reason to end the work
            self._quiet = True

    def _keep_sentence(self, live: Live) -> None:
        """Print the last sentence above what is live, unbroken: a path in it is there to be copied."""
        if self._sentence:
            live.console.print(self._sentence, style="dim", markup=False, soft_wrap=True)
            self._sentence = ""

    def _drawn(self) -> RenderableType:
        now, board = time.monotonic(), self._board
        if board.sizes:
            return BoardPage(board, now, over=self._over)
        return self._status(board, now)

    def _status(self, board: Board, now: float) -> RenderableType:
        """Return the last sentence with the seconds since, and how far its work has come."""
        if not self._sentence:
            return Text()
        line = Text(f"{self._sentence}, {now - board.said_at:.0f} s", style="dim", no_wrap=True, overflow="ellipsis")
        if self._work is None:
            return line
        what, done, total = self._work
        bar = Table.grid(padding=(0, 1))
        far = Text(f"{done:,}/{total:,} {one_line(what)}", no_wrap=True, overflow="ellipsis")
        bar.add_row(ProgressBar(total=total, completed=done, width=BAR), far)
        return Group(line, bar)
