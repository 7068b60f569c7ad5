"""The page of `advisor explain`: a bar for each reason, from the prior to the total."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from advisor.explain import Explained, Step, Waterfall
from advisor.report.fitted import Fitted

LEAST, MOST = 9, 31
"""Characters of a bar's column."""
NARROW = 70
"""Columns below which a reason has a line of its own."""
LEGEND = "Log-odds in nats; the dotted line is even odds (0). "


def explanation_page(explained: Explained) -> RenderableType:
    """Return the page of one model's explanation."""
    title = Text(f"How each strategy comes to stand where it does: {explained.model or 'no model given'}", style="bold")
    notes = [Text(f"• {note}") for note in explained.notes]
    return Group(title, *notes, Fitted(_legend), *(_waterfall(one) for one in explained.strategies))


def _legend(_: int, coloured: bool) -> RenderableType:
    """Say how to read the bars; without colours by where they lead."""
    told = (
        "Green speaks for it, red against it."
        if coloured
        else "A step to the right (+) speaks for it, to the left (-) against it."
    )
    return Text(LEGEND + told, style="dim")


def _waterfall(waterfall: Waterfall) -> RenderableType:
    if waterfall.blocked:
        stands = "blocked"
    else:
        stands = f"{waterfall.probability:.0%} ({waterfall.low:.0%} to {waterfall.high:.0%})"
    title = Text(f"{waterfall.strategy}: {stands}", style="dim bold" if waterfall.blocked else "bold")
    return Group(Text(), title, Fitted(lambda width, _: _steps(waterfall, width)))


def _steps(waterfall: Waterfall, width: int) -> RenderableType:
    """Draw the reasons, each beside its bar or, where that leaves too little room, below it."""
    narrow = width < NARROW
    columns = max(LEAST, min(MOST, width // 3 - 8))
    totals = [0.0, *(step.log_odds for step in waterfall.steps if step.log_odds is not None)]
    low, high = min(totals), max(totals)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("effect", "total", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=columns)
    table.add_column("reason", ratio=1, overflow="fold")
    lines: list[RenderableType] = [Text(f"{'effect':>6} {'total':>6} {'p':>4}", style="bold", no_wrap=True)]
    before = 0.0
    for step in waterfall.steps:
        effect = "block" if step.effect == "block" else f"{step.effect:+.2f}"
        total = "–" if step.log_odds is None else f"{step.log_odds:+.2f}"
        reason = Text.assemble(step.because, (f" [{step.source}]", "dim"))
        if step.origin != "advisor":
            reason.append(f" (rule of {step.origin})", style="yellow")
        bar = _bar(step, before, low, high, columns)
        if narrow:
            numbers = f"{effect:>6} {total:>6} {step.probability:>4.0%} "
            lines += [Text.assemble(numbers, bar, no_wrap=True), Padding(reason, (0, 0, 0, 2))]
        else:
            table.add_row(Text(effect), Text(total), Text(f"{step.probability:.0%}"), bar, reason)
        before = before if step.log_odds is None else step.log_odds
    return Group(*lines) if narrow else table


def _bar(step: Step, before: float, low: float, high: float, columns: int) -> Text:
    """Draw one reason's bar between where the sum stood before and where it stands after."""
    if step.log_odds is None:
        return Text("× blocked" if step.effect == "block" else "", style="red")
    span = (high - low) or 1.0

    def column(total: float) -> int:
        return round((total - low) / span * (columns - 1))

    zero, start, end = column(0.0), column(before), column(step.log_odds)
    style = "green" if end >= start else "red"
    bar = Text()
    for place in range(columns):
        if start != end and min(start, end) <= place <= max(start, end):
            bar.append("█", style=style)
        elif place == end:
            bar.append("│")
        else:
            bar.append("┊" if place == zero else " ", style="dim")
    return bar
