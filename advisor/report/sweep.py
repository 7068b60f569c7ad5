"""The page of `advisor whatif`: who comes first where, a plot of the probabilities, and the rankings."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from advisor.report.fitted import Fitted
from advisor.whatif import Sweep

COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")
MARKS = "●▲■◆▼★"
WIDTH, HEIGHT = 60, 15
"""Columns (at most) and lines of the plot."""
AXIS = 8
"""Columns left of the plot, and one to spare on its right."""
ROWS_SHOWN = 9
"""Values whose ranking is shown."""


def sweep_page(sweep: Sweep, *, matters: bool = True) -> RenderableType:
    """Return the page of a sweep; where it never moves, with the reason: `matters` is whether any rule looks."""
    parts: list[RenderableType] = [
        Text(f"What if {sweep.fact} varied: {sweep.model or 'no model given'}", style="bold"),
        *(Text(f"• {note}") for note in sweep.notes),
        _bands(sweep),
    ]
    if all(swept.probability == sweep.values[0].probability for swept in sweep.values):
        why = f"{sweep.fact} moves nothing here" if matters else f"No rule looks at {sweep.fact} here"
        parts.insert(-1, Text(f"{why}: the ranking is the same at every value."))
    if sweep.is_range:
        parts += [Text(), Fitted(lambda width, _: _plot(sweep, max(10, min(WIDTH, width - AXIS))))]
    return Group(*parts, Text(), _rankings(sweep))


def shown(value: object) -> str:
    """Write a value as the user would."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _bands(sweep: Sweep) -> RenderableType:
    """Say who comes first between which values."""
    table = Table(title=None, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(sweep.fact, no_wrap=True)
    table.add_column("comes first", no_wrap=True)
    start, first = sweep.values[0].value, next(iter(sweep.values[0].ranking), None)
    if not sweep.is_range:
        for swept in sweep.values:
            table.add_row(Text(shown(swept.value)), Text(next(iter(swept.ranking), "– (all blocked)")))
        return table
    for edge in sweep.edges:
        table.add_row(Text(f"{shown(start)} to below {shown(edge.at)}"), Text(first or "– (all blocked)"))
        start, first = edge.at, edge.to
    table.add_row(Text(f"{shown(start)} to {shown(sweep.values[-1].value)}"), Text(first or "– (all blocked)"))
    return table


def _drawn(sweep: Sweep) -> list[str]:
    """Return the strategies to draw: all that come first somewhere, then the best of the others."""
    best: dict[str, float] = {}
    for swept in sweep.values:
        for place, name in enumerate(swept.ranking):
            best[name] = min(best.get(name, math.inf), place - swept.probability[name])
    return sorted(best, key=best.__getitem__)[: len(MARKS)]


def _plot(sweep: Sweep, columns: int) -> RenderableType:
    """Draw the probability of the strategies that matter over the values of the fact."""
    drawn = _drawn(sweep)
    low, high = sweep.values[0].value, sweep.values[-1].value
    logarithmic = _is_logarithmic([swept.value for swept in sweep.values])

    def across(value: float) -> int:
        if logarithmic:
            least = low or sweep.values[1].value / 2
            share = math.log(max(value, least) / least) / math.log(high / least)
        else:
            share = (value - low) / (high - low)
        return round(share * (columns - 1))

    grid: list[list[tuple[str, str]]] = [[(" ", "")] * columns for _ in range(HEIGHT)]
    for number, name in reversed(list(enumerate(drawn))):
        points = [(across(swept.value), swept.probability[name]) for swept in sweep.values]
        for (left, p), (right, q) in zip(points, points[1:] or points, strict=False):
            for column in range(left, right + 1):
                share = (column - left) / (right - left) if right > left else 0.0
                line = HEIGHT - 1 - round((p + (q - p) * share) * (HEIGHT - 1))
                grid[line][column] = (MARKS[number], COLOURS[number])
    lines: list[RenderableType] = []
    for place, cells in enumerate(grid):
        label = f"{1 - place / (HEIGHT - 1):.0%}" if place % 7 == 0 else ""
        lines.append(Text.assemble((f"{label:>5} ┤" if label else "      │", "dim"), *cells, no_wrap=True))
    lines.append(Text(f"      └{'─' * columns}", style="dim", no_wrap=True))
    scale = f"{sweep.fact}{', log scale' if logarithmic else ''}"
    between = columns - len(shown(low)) - len(shown(high))
    if len(scale) + 2 <= between:
        lines.append(Text(f"       {shown(low)}{scale.center(between)}{shown(high)}", style="dim", no_wrap=True))
    else:
        lines.append(Text(f"       {shown(low)}{' ' * max(1, between)}{shown(high)}", style="dim", no_wrap=True))
        lines.append(Padding(Text(scale, style="dim"), (0, 0, 0, 7), expand=False))
    lines += _legend(drawn, columns)
    return Group(*lines)


def _legend(drawn: list[str], columns: int) -> list[Text]:
    """Name the marks, on as many lines as they need; none is parted from its name."""
    lines = [Text(" " * 7, no_wrap=True)]
    for number, name in enumerate(drawn):
        if len(lines[-1]) > 7 and len(lines[-1]) + len(name) + 2 > columns + 7:
            lines.append(Text(" " * 7, no_wrap=True))
        lines[-1].append(f"{MARKS[number]} ", style=COLOURS[number]).append(f"{name}  ")
    return lines


def _is_logarithmic(values: list[Any]) -> bool:
    """Whether numbers grow by ratios rather than by steps."""
    return len(values) > 2 and values[-1] - values[-2] > 1.5 * (values[2] - values[1])


def _rankings(sweep: Sweep) -> RenderableType:
    """Show the three best at some of the values."""
    count = len(sweep.values)
    places = range(count)
    if count > ROWS_SHOWN:
        places_shown = {round(k * (count - 1) / (ROWS_SHOWN - 1)) for k in range(ROWS_SHOWN)}
    else:
        places_shown = set(places)
    table = Table(title=None, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(sweep.fact, justify="right", no_wrap=True)
    for heading in ("first", "second", "third"):
        table.add_column(heading, overflow="fold")
    for place in sorted(places_shown):
        swept = sweep.values[place]
        best = [f"{name} {swept.probability[name]:.0%}" for name in swept.ranking[:3]]
        table.add_row(Text(shown(swept.value)), *map(Text, best))
    return table
