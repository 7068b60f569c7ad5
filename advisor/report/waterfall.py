"""The page of `advisor explain`: a bar for each reason, from the prior to the total."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from advisor.explain import Explained, Step, Waterfall

WIDTH = 31
"""Characters of a bar's column."""


def explanation_page(explained: Explained) -> RenderableType:
    """Return the page of one model's explanation."""
    title = Text(f"How each strategy comes to stand where it does: {explained.model or 'no model given'}", style="bold")
    legend = Text(
        "Log-odds in nats; the dotted line is even odds (0). Green speaks for it, red against it.", style="dim"
    )
    return Group(title, legend, *(_waterfall(one) for one in explained.strategies))


def _waterfall(waterfall: Waterfall) -> RenderableType:
    if waterfall.blocked:
        stands = "blocked"
    else:
        stands = f"{waterfall.probability:.0%} ({waterfall.low:.0%} to {waterfall.high:.0%})"
    table = Table(
        title=Text(f"{waterfall.strategy}: {stands}", style="dim bold" if waterfall.blocked else "bold"),
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for heading in ("effect", "total", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=WIDTH)
    table.add_column("reason", ratio=1, overflow="fold")
    totals = [0.0, *(step.log_odds for step in waterfall.steps if step.log_odds is not None)]
    low, high = min(totals), max(totals)
    before = 0.0
    for step in waterfall.steps:
        effect = "block" if step.effect == "block" else f"{step.effect:+.2f}"
        total = "–" if step.log_odds is None else f"{step.log_odds:+.2f}"
        reason = Text.assemble(step.because, (f" [{step.source}]", "dim"))
        if step.origin != "advisor":
            reason.append(f" (rule of {step.origin})", style="yellow")
        table.add_row(Text(effect), Text(total), Text(f"{step.probability:.0%}"), _bar(step, before, low, high), reason)
        before = before if step.log_odds is None else step.log_odds
    return Group(Text(), table)


def _bar(step: Step, before: float, low: float, high: float) -> Text:
    """Draw one reason's bar between where the sum stood before and where it stands after."""
    if step.log_odds is None:
        return Text("× blocked" if step.effect == "block" else "", style="red")
    span = (high - low) or 1.0

    def column(total: float) -> int:
        return round((total - low) / span * (WIDTH - 1))

    zero, start, end = column(0.0), column(before), column(step.log_odds)
    style = "green" if end >= start else "red"
    bar = Text()
    for place in range(WIDTH):
        if start != end and min(start, end) <= place <= max(start, end):
            bar.append("█", style=style)
        elif place == end:
            bar.append("│")
        else:
            bar.append("┊" if place == zero else " ", style="dim")
    return bar
