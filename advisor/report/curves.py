"""The page of learning curves: what more labels are expected to bring, and a plot where there is room."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from advisor.curves import MORE, CandidateCurve, if_more_labels
from advisor.report.names import short_name

if TYPE_CHECKING:
    from advisor.session import ProbeResult
    from probes.learning_curve import Prediction

HEIGHT = 13
"""Lines of a plot, its axis included."""
LEAST_SPAN = 0.02
"""Scores from bottom to top at least: differences of a point are not drawn as mountains."""
WIDTHS = 60, 100
"""Columns of a terminal below which there is no plot, and columns of a plot at most."""

_Point = tuple[int, float]
"""Training rows and a score."""


def curves_page(result: ProbeResult) -> list[RenderableType]:
    """Return what is said of more labels; nothing where nothing was measured on rows to learn from."""
    curves = [curve for curve in result.curves if curve.points]
    if not curves:
        return []
    rows = curves[0].predictions[-1].size // MORE[-1]
    table = Table(title="What if you label more?", title_justify="left", title_style="bold")
    table.add_column("candidate", overflow="fold")
    for times in (1, *MORE):
        table.add_column(f"{times * rows:,} rows" + (" (now)" if times == 1 else ""), no_wrap=True)
    reasons: dict[str, list[str]] = defaultdict(list)
    models = {verdict.model for verdict in result.verdicts} | {curve.model for curve in curves}
    for curve in curves:
        name = short_name(curve.candidate, models)
        told = [curve.at(times * rows) for times in (1, *MORE)]
        table.add_row(Text(name), *(Text(_cell(at)) for at in told))
        if reason := next((at.why_not for at in reversed(told) if at.why_not), ""):
            reasons[reason].append(name)
    parts: list[RenderableType] = [table]
    parts += [Text(f"{', '.join(names)}: {reason}.") for reason, names in reasons.items()]
    if any(at.value is not None for curve in curves for at in curve.predictions):
        choice = result.recommendation
        sentence = if_more_labels(curves, rows, choice.candidate if choice else None)
        parts.append(
            Text(f"{sentence} Brackets hold a measurement there in 8 of 10 cases, by recorded curves.".strip())
        )
    parts += [Plot(curves, models), Text()]
    return parts


def _cell(at: Prediction) -> str:
    if at.value is None:
        return "?"
    return f"{at.value:.3f}" if at.low == at.high else f"{at.value:.3f} [{at.low:.2f}, {at.high:.2f}]"


class Plot:
    """Scores over train size: a capital letter where it was measured, a small one where it is predicted.

    Parameters
    ----------
    curves : sequence of CandidateCurve
        Those measured at one size only are left out.
    models : collection of str or None
        Names of all models on the page.
    """

    def __init__(self, curves: Sequence[CandidateCurve], models: Collection[str | None]) -> None:
        self._curves = [curve for curve in curves if len(curve.points) > 1][: len(ascii_uppercase)]
        self._models = models

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw where the terminal is wide enough and there are curves."""
        if not self._curves or options.max_width < WIDTHS[0]:
            return
        letters = dict(zip(ascii_uppercase, self._curves, strict=False))
        legend = ", ".join(f"{letter} {short_name(one.candidate, self._models)}" for letter, one in letters.items())
        lines, shared = _drawn(letters, min(options.max_width, WIDTHS[1]))
        touching = ". Letters that touch lie at one point." if shared else ""
        yield Text(f"Score over training rows, small letters are predictions: {legend}{touching}", style="dim")
        for line in lines:
            yield Text(line, no_wrap=True)


def _drawn(letters: dict[str, CandidateCurve], width: int) -> tuple[list[str], bool]:
    """Return the lines of the plot, without colours, and whether several letters share a place.

    There the first of them stands where it belongs and the others beside it: one below another could not be seen.
    """
    measured = {letter: [(p.train_rows, p.score) for p in curve.points] for letter, curve in letters.items()}
    predicted = {
        letter.lower(): [(at.size, at.value) for at in curve.predictions if at.value is not None]
        for letter, curve in letters.items()
    }
    # The first ones take their own place: what was measured comes before what is predicted.
    marks = {letter: points for letter, points in (*measured.items(), *predicted.items()) if points}
    every = [point for points in marks.values() for point in points]
    lines: list[str] = []
    shared = False
    for letter, points in marks.items():
        alone = _alone(letter, points, every, width)
        lines = lines or [line.replace(letter, " ") for line in alone]
        left, right = lines[0].index("┌") + 1, lines[0].index("┐")
        for row, line in enumerate(alone):
            for column in [k for k, drawn in enumerate(line) if drawn == letter]:
                places = (*range(column, right), *range(column, left - 1, -1))
                place = next((k for k in places if lines[row][k] == " "), column)
                lines[row] = lines[row][:place] + letter + lines[row][place + 1 :]
                shared = shared or place != column
    return lines, shared


def _alone(letter: str, points: Sequence[_Point], every: Sequence[_Point], width: int) -> list[str]:
    """Return the lines of a plot with room for every point and one letter's drawn."""
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, HEIGHT)
    figure.draw(figure.signal([math.log2(n) for n, _ in points], [y for _, y in points], marker=letter))
    sizes = sorted({n for n, _ in every})
    figure.ruler("x").ticks([math.log2(n) for n in sizes], [f"{n:,}" for n in sizes])
    figure.ruler("x").lim(math.log2(sizes[0]), math.log2(sizes[-1]))
    low, high = min(y for _, y in every), max(y for _, y in every)
    low = max(0.0, min(low, high - LEAST_SPAN))
    high = max(high, low + LEAST_SPAN)
    figure.ruler("y").lim(low, high)
    ticks = [low + (high - low) * k / 4 for k in range(5)]
    figure.ruler("y").ticks(ticks, [f"{y:.3f}" for y in ticks])
    lines = plotext.uncolorize(str(figure.build())).splitlines()
    return [line.rstrip() for line in lines if line.strip()]
