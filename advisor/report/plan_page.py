"""The page of `advisor probe --dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from advisor.report.names import short_name
from strategies import Candidate

if TYPE_CHECKING:
    from advisor.dry_run import LeftOut, PlannedStep, ProbePlan


def plan_page(plan: ProbePlan) -> RenderableType:
    """Return the page of a plan."""
    table = Table(title="Plan", title_justify="left", title_style="bold")
    table.add_column("step", overflow="fold")
    for column in ("rows", "seed", "search on", "seconds", "in all"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("fits")
    models = {step.model for step in plan.steps} | {out.model for out in plan.left_out}

    def name(one: PlannedStep | LeftOut) -> str:
        return short_name(Candidate(strategy=one.strategy, model=one.model), models)

    total = 0.0
    for step in plan.steps:
        total += step.seconds
        table.add_row(
            Text(name(step) + (", for its learning curve" if step.curve else "")),
            f"{step.train_rows:,}",
            str(step.seed),
            f"{step.search_rows:,}" if step.search_rows else "",
            f"{step.seconds:,.0f}",
            f"{total:,.0f}",
            "yes" if step.fits else Text("no", style="yellow"),
        )
    parts: list[RenderableType] = [table]
    parts += [Text(f"{name(out)}: not measured: {out.because}") for out in plan.left_out]
    budget = "there is no limit" if plan.budget_seconds is None else f"the budget is {plan.budget_seconds:,.0f} s"
    at_once = f", {plan.workers} measurements at once" if plan.workers > 1 else ""
    told = (
        f"About {plan.seconds:,.0f} s of measuring{at_once}, and {plan.seconds_before:,.0f} s before it, as now; "
        f"{budget}. "
        "Who lies behind for sure is dropped on the way, which saves its later steps."
    )
    if plan.seconds_beyond:
        told += f" What does not fit takes about {plan.seconds_beyond:,.0f} s more."
    return Group(*parts, Text(told))
