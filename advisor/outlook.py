"""What time buys: the steps that fit, if every estimate is right, and what those would take that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from advisor.arms import Seen
from advisor.curves import curve_sizes_wanted
from advisor.plan import CURVE, Planner, Step
from probes.searching import SAFETY

SUPPOSED = 0.5
"""Validation score a plan supposes of everybody: nobody is dropped, and none is ahead."""

CURVE_SECONDS = 20.0
"""What all points of learning curves may take that are measured once the race is over: they decide nothing here."""


def foresee(planner: Planner, left: float) -> list[Step]:
    """Return the steps that fit the seconds left; the planner is then as if they were made."""
    found = []
    while (step := planner.next(left)) is not None:
        found.append(step)
        left -= step.seconds / planner.workers
        step.arm.seen.setdefault(step.rows, {})[step.seed] = Seen(SUPPOSED)
        if step.search != "none":
            step.arm.searched_at = step.search_rows
    return found


def curve_steps(planner: Planner, left: Callable[[], float]) -> Iterator[Step]:
    """Yield the steps that draw the curves of cheap candidates once the race is over, to be made one after the other.

    A bag of words takes seconds, and a linear probe as long as its features take to compute.

    Parameters
    ----------
    planner : Planner
    left : callable
        Returns the seconds that are left when a step has been made.

    Yields
    ------
    Step
        At seed 0 and without a search, more rows first.
    """
    seconds = CURVE_SECONDS
    wanted = [
        (rows, arm)
        for arm in planner.arms
        if arm.rung.strategy.method in ("bag_of_words", "frozen_features") and not arm.stopped
        for rows in curve_sizes_wanted(arm.seen, planner.full, planner.classes)
    ]
    for rows, arm in sorted(wanted, key=lambda one: -one[0]):
        step = planner.step(arm, rows, search=False)
        if step.seconds <= seconds and SAFETY * step.seconds <= left():
            seconds -= step.seconds
            yield replace(step, stage=CURVE, why="for its learning curve")


def foresee_curves(planner: Planner, left: float) -> list[Step]:
    """Return the steps that draw learning curves and fit the seconds left; see `curve_steps`."""
    found: list[Step] = []
    steps = curve_steps(planner, lambda: left - sum(step.seconds for step in found))
    while (step := next(steps, None)) is not None:
        found.append(step)
    return found


def beyond(planner: Planner) -> list[Step]:
    """Return the steps that found no time, all rows at once: who is short of time takes no smaller rung before."""
    for arm in planner.arms:
        arm.out_of_time = False
    steps = list(planner.steps_left())
    rising = {
        step.arm.weight: planner.step(step.arm, planner.full, search=step.arm.searched_at is None)
        for step in steps
        if step.seed == 0
    }
    return [*rising.values(), *(step for step in steps if step.seed)]


def more_time(planner: Planner, left: float) -> str | None:
    """Say what the steps that found no time would have taken; None where there are none."""
    steps = beyond(planner)
    total, parts = -max(0.0, left), []
    for step in (step for step in steps if step.seed == 0):
        total += step.seconds
        who = step.arm.rung.candidate
        what = f"{who} on all {step.rows:,} training rows"
        if step.arm.top >= step.rows:
            what = f"a search of the learning rate of {who}"
        parts.append(f"about {max(1.0, total):,.0f} s: {what}")
    for arm in {step.arm.weight: step.arm for step in steps if step.seed}.values():
        own = [step for step in steps if step.arm is arm and step.seed]
        total += sum(step.seconds for step in own)
        seeds = f"{len(own)} more seed{'s' if len(own) > 1 else ''}"
        parts.append(f"about {max(1.0, total):,.0f} s: {seeds} of {arm.rung.candidate}")
    return f"With more time, each on top of the one before: {'; '.join(parts)}." if parts else None
