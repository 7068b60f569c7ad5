"""The live table: candidates by rungs, time left, what runs and why, fitted to the terminal there is."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from advisor.report.board import Board, Running, Scored
from advisor.report.names import short_name
from advisor.sentences import one_line, score
from strategies import Candidate

TITLE = "Validation scores ± half a 95 % interval, * best of its rung. Test rows are scored for the verdicts."

WIDE, NARROW = 15, 11
"""Columns of a score, where there is room and where there is little."""

NAME = 14
"""Columns of a candidate's name at least."""

NOTE = 8
"""Columns at least for what is being done, or why one gets no further."""

REASON = 24
"""Columns from which on a reason is begun after the word for it; the whole of it stands below when it comes."""

RUNNING_SHOWN = 4
"""Lines at most on what runs."""

LAST_LINES = 2
"""Lines at most of the last thing that came out."""


@dataclass(frozen=True)
class BoardPage:
    """A board as it looks at one moment.

    Attributes
    ----------
    board : Board
        Of a race that has begun.
    now : float
        The time on its clock, in seconds.
    over : bool
        Whether it ended early: nothing runs any more, and no time is left to count.
    """

    board: Board
    now: float
    over: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it no wider and no higher than the console."""
        width, height = options.max_width, options.max_height
        table = _Columns.fitting(self.board, width)
        title = _lines(console, TITLE, width, 2)
        foot = [] if self.over else self._foot(console, width, table.hidden)
        # One line is the table's own header, and one stays free for the cursor. What is over may scroll away.
        everyone = self.board.everyone()
        lines = len(everyone) if self.over else max(1, height - 2 - len(title) - len(foot))
        shown = _shown(self.board, everyone, lines)
        yield from (Text(line, style="bold", no_wrap=True, overflow="ellipsis") for line in title)
        yield self._table(table, shown)
        if out := [who for who in everyone if who not in shown]:
            yield Text(_more(self.board, out), style="dim", no_wrap=True, overflow="ellipsis")
        yield from (Text(line, no_wrap=True, overflow="ellipsis") for line in foot)

    def _table(self, columns: _Columns, shown: Sequence[Candidate]) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("training rows", width=columns.name, no_wrap=True)
        for size in columns.sizes:
            table.add_column(f" {size:,}", width=columns.cell, no_wrap=True)
        table.add_column(width=columns.note, no_wrap=True)
        names = _names(self.board)
        best = {size: self.board.best(size) for size in columns.sizes}
        for who in shown:
            cells = [self._cell(who, size, best[size], columns.cell) for size in columns.sizes]
            style = "dim" if who in self.board.left else ""
            name = _shortened(names[who], columns.name)
            table.add_row(
                Text(name), *map(Text, cells), Text(self._note(who, columns.note), overflow="ellipsis"), style=style
            )
        return table

    def _cell(self, who: Candidate, size: int, best: float | None, width: int) -> str:
        """Return what was measured of a candidate on a rung, and how far has come what is being measured."""
        found = self.board.scored(who, size)
        texts = ("",) if found is None else _scores(found, size, best)
        running = [] if self.over else self.board.running_at(who, size)
        if running:
            share = self._share(who)
            time = f"{_brief(self.now - running[0].since)}/{_brief(running[0].started.seconds)}"
            far = time if share is None else f"{share:.0f} %"
            if found is None:
                texts = (f" {far} {time}" if share is not None else f" {far}", f" {far}")
            else:
                texts = tuple(f"{text} +{more}" for more in (far, "…") for text in texts)
        return next((text for text in texts if len(text) <= width), texts[-1])

    def _share(self, who: Candidate) -> float | None:
        """Return the percent of what a candidate's one measurement is doing; of two it is not known whose it is."""
        word = self.board.progress.get(who)
        alone = sum(one == who for one, _ in self.board.running) == 1
        return 100 * word.done / word.total if word is not None and word.total > 0 and alone else None

    def _note(self, who: Candidate, width: int) -> str:
        """Return what is being done for a candidate, or why it gets no further."""
        if (left := self.board.left.get(who)) is not None:
            return one_line(f"{left.word}: {left.reason}" if width >= REASON else left.word)
        word = self.board.progress.get(who)
        return "" if word is None or self.over else one_line(word.what)

    def _foot(self, console: Console, width: int, hidden: int) -> list[str]:
        left = self.board.remaining(self.now)
        time = ["no limit of time" if math.isinf(left) else f"{_clock(left)} left"]
        if self.board.workers > 1:
            time.append(f"{len(self.board.running)} of {self.board.workers} at work")
        if hidden:
            time.append(f"{hidden} rung{'s' if hidden > 1 else ''} not shown, for want of columns")
        if not self.board.running and self.board.said:
            time.append(f"{self.board.said}, {_clock(self.now - self.board.said_at)}")
        running = list(self.board.running.values())
        lines = [self._begun(one, width) for one in running]
        if len(lines) > RUNNING_SHOWN:
            lines = [*lines[: RUNNING_SHOWN - 1], f"▸ … {len(lines) - RUNNING_SHOWN + 1} more"]
        last = _lines(console, self.board.last, width, LAST_LINES)
        return [" · ".join(time), *lines, *last]

    def _begun(self, running: Running, width: int) -> str:
        step = running.started
        again = f", again after a worker was lost ({step.again})" if step.again else ""
        everyone = {who: _short_name(who, self.board) for who in (*self.board.everyone(), step.candidate)}
        name = _shortened(everyone[step.candidate], _telling(everyone.values(), max(NAME, width // 3), width // 2))
        return one_line(
            f"▸ {name}, {step.rows:,} rows, seed {step.seed}, {_clock(self.now - running.since)} of about "
            f"{_clock(step.seconds)}: {step.why}{again}"
        )


@dataclass(frozen=True)
class _Columns:
    """How wide the columns are, and which rungs have one."""

    name: int
    cell: int
    note: int
    sizes: tuple[int, ...]
    hidden: int

    @classmethod
    def fitting(cls, board: Board, width: int) -> _Columns:
        """Return the widest that fit; where not all rungs do, those at which something runs and the largest."""
        name = _telling(_names(board).values(), max(NAME, width // 4), width - 1 - NOTE - (NARROW + 1))
        room = width - name - 1 - NOTE
        cell = WIDE if (WIDE + 1) * len(board.sizes) <= room else NARROW
        fit = max(1, room // (cell + 1))
        busy = {board.column(one.started.rows) for one in board.running.values()}
        by_need = sorted(board.sizes, key=lambda size: (size not in busy, -size))
        sizes = tuple(sorted(by_need[:fit]))
        note = max(1, width - name - 1 - (cell + 1) * len(sizes))
        return cls(name, cell, note, sizes, len(board.sizes) - len(sizes))


def _shown(board: Board, everyone: Sequence[Candidate], lines: int) -> list[Candidate]:
    """Return who has a line where there are so many: those that run first, and last those that get no further."""
    if len(everyone) <= lines:
        return list(everyone)
    busy = {who for who, _ in board.running}
    by_need = sorted(everyone, key=lambda who: (who not in busy, who in board.left))
    kept = set(by_need[: max(1, lines - 1)])
    return [who for who in everyone if who in kept]


def _more(board: Board, out: Sequence[Candidate]) -> str:
    words = [board.left[who].word for who in out if who in board.left]
    counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return f"… {len(out)} more" + (f", of them {counts}" if counts else "")


def _scores(found: Scored, size: int, best: float | None) -> tuple[str, ...]:
    """Return what a cell may say, the most telling first."""
    mark = "*" if found.rows == size and best is not None and found.score >= best else " "
    at = "" if found.rows == size else f" @{_thousands(found.rows)}"
    seeds = f" ×{found.seeds}" if found.seeds > 1 else ""
    # Four columns also where all rows are right.
    value = f"{mark}{score(found.score) if found.score < 0.9995 else '1.00'}"
    if found.half is None:
        return (f"{value}{at}{seeds}",)
    return (
        f"{value} ±{score(found.half)}{at}{seeds}",
        f"{value}±{score(found.half, 2)}{at}{seeds.strip()}",
        f"{value}{at}{seeds}",
    )


def _names(board: Board) -> dict[Candidate, str]:
    """Return the name of each candidate, with its model where there are several."""
    everyone = board.everyone()
    several = len(_models(board) - {None}) > 1
    return {who: _short_name(who, board) if several else who.strategy for who in everyone}


def _short_name(who: Candidate, board: Board) -> str:
    return one_line(short_name(who, _models(board)))


def _models(board: Board) -> set[str | None]:
    return {who.model for who in board.everyone()}


def _telling(names: Collection[str], usual: int, most: int) -> int:
    """Return the columns of a name: as usual, or as many more as it takes that no two look alike when shortened."""
    least = min(max(NAME, *map(len, names)), usual)
    told = (width for width in range(least, most + 1) if len({_shortened(name, width) for name in names}) == len(names))
    return next(told, least)


def _shortened(text: str, width: int) -> str:
    """Return a text cut in its middle: strategies are told by their beginning, models often by their end."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 3
    return f"{text[: width - 1 - tail]}…{text[-tail:]}"


def _lines(console: Console, text: str, width: int, most: int) -> list[str]:
    """Return a text broken into lines; what is beyond the most stands in the last, to be cut."""
    lines = [line.plain.rstrip() for line in Text(text).wrap(console, width)] if text else []
    return lines[: most - 1] + ([" ".join(lines[most - 1 :])] if len(lines) >= most else [])


def _clock(seconds: float) -> str:
    """Write a duration as a clock does: 0:07, 12:30, 1:00:00."""
    whole = max(0, math.floor(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _brief(seconds: float) -> str:
    """Write a duration in three columns: 45s, 12m, 3h."""
    return (
        f"{seconds:.0f}s" if seconds < 99.5 else f"{seconds / 60:.0f}m" if seconds < 5_970 else f"{seconds / 3600:.0f}h"
    )


def _thousands(rows: int) -> str:
    return f"{rows}" if rows < 1_000 else f"{rows / 1_000:.1f}k" if rows < 10_000 else f"{rows // 1_000}k"
