"""Which measurement comes next: rungs of growing train size, and where time is short the step worth most a second."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from advisor.arms import Arm
from advisor.beliefs import UNSEARCHED, gain, of_tuned, spread
from probes.searching import SAFETY
from strategies.tuned import Tuned

ETA = 3
"""Each rung has as many times the rows of the one below (successive halving, Jamieson and Talwalkar 2016)."""

SEARCH_ROWS = 1_000
"""Training rows of the learning-rate search at most: the best rate moves little with the rows, the cost is linear."""

DOUBT = 2.0
"""How many times the time left an estimate may be for the last candidate to be tried nevertheless."""

LEAST_RUNG = 500
"""Rows of the smallest rung at least: on fewer, tuning takes as many steps (`strategies.tuned.STEPS`)."""

LEAST_ROWS = 200
"""A strategy that cannot learn from this many rows within the budget is not measured."""

EASY_SECONDS = 5.0
"""A candidate without a search starts at the largest rung that takes no longer: smaller ones would save nothing."""

EASY_SHARE = 0.1
"""Or no more than this share of the time left: one pass over all rows, which what comes after it often needs too."""

EASY_RATIO = 1.5
"""Or no more than this many times its smallest rung, whatever that takes: a prompt reads no training rows."""

STRETCH = 1.5
"""Where no rung fits any more, the time left goes to so many times the rows learned from, or more seeds."""

FEW_ROWS = 5_000
"""Training rows below which five seeds are wanted, not three: few rows make tuning unstable (Mosbach et al. 2021)."""

Search = Literal["none", "first", "again"]

CURVE = (-1, 0)
"""Stage of measurements that draw a learning curve once the race is over: nobody is judged by them."""

Stage = tuple[int, int]
"""Seed and rung of steps that know nothing of each other: who lies behind is judged when the last of them has ended."""


@dataclass(frozen=True)
class Step:
    """One measurement to make."""

    arm: Arm
    rows: int
    """Training rows."""
    seed: int
    search: Search
    """Whether it chooses a learning rate: not, at first, or again among the neighbours of one chosen at few rows."""
    search_rows: int
    """Training rows of that search."""
    seconds: float
    """What it is expected to take."""
    reserve: float = 0.0
    """Seconds that those after it are expected to need at least."""
    stage: Stage | None = None
    """The stage it belongs to; None where time is short and each step is chosen by all that is known."""
    why: str = ""
    """Why this one now, as a phrase."""

    @property
    def key(self) -> tuple[int, int, int]:
        """What tells it from the other steps of a race."""
        return self.arm.weight, self.rows, self.seed


@dataclass(frozen=True)
class Running:
    """A step that is being made."""

    step: Step
    remaining: float
    """Seconds it is expected to take yet."""


Cost = Callable[[Arm, int, int, bool], float]
"""Expected seconds of an arm at so many rows, with its search at so many, or without one."""


def rungs(full: int, classes: int) -> list[int]:
    """Return train sizes, smallest first: all rows, a third, a ninth, … but not too few to learn from.

    Examples
    --------
    >>> rungs(10_000, 10), rungs(572, 10), rungs(10_000, 600)
    ([1112, 3334, 10000], [572], [3334, 10000])
    """
    sizes = [full]
    while (below := -(-sizes[0] // ETA)) >= max(LEAST_RUNG, 2 * classes):
        sizes.insert(0, below)
    return sizes


def search_rows(rows: int, classes: int) -> int:
    """Return the rows of a search: each class has one among as many rows as there are classes, and none below.

    Examples
    --------
    >>> search_rows(600, 10), search_rows(10_000, 10), search_rows(10_000, 1_500)
    (600, 1000, 1500)
    """
    return min(rows, max(SEARCH_ROWS, classes))


@dataclass
class Planner:
    """Chooses steps by what was measured, the seconds left and the expected seconds of each step.

    Parameters
    ----------
    arms : sequence of Arm
        Lightest first.
    full : int
        Training rows a verdict is about.
    classes, validation_rows : int
    seeds : int or None
        Runs wanted of each whose result depends on chance, at its most rows; None takes 3, or 5 below `FEW_ROWS`.
    cost : callable
        See `Cost`.
    workers : int
        Steps that may be made at once.
    """

    arms: Sequence[Arm]
    full: int
    classes: int
    validation_rows: int
    seeds: int | None
    cost: Cost
    workers: int = 1

    def __post_init__(self) -> None:
        self.sizes = rungs(self.full, self.classes)
        self.least = min(self.full, max(LEAST_ROWS, 2 * self.classes))
        self.wanted_seeds = self.seeds or (5 if self.full < FEW_ROWS else 3)
        self.too_dear: dict[int, str] = {}
        """Why arms, by their weight, were not measured for want of time."""

    def next(self, left: float, running: Sequence[Running] = ()) -> Step | None:
        """Return the next step, None where nothing that is left to do fits the seconds left, or may begin yet.

        While all that is left to do fits, stage by stage, the lightest first: then no timing decides anything, and the
        same request makes the same steps, however many at once (but where a search that is slower than expected has to
        end, and is made up for later). Where it does not, first everybody gets a chance (`_chance`), and then the step
        comes that is worth most a second.
        """
        begun = {one.step.key for one in running}
        steps = [step for step in self.steps_left() if step.key not in begun]
        if not steps:
            return None
        needed = self._needed(steps, running)
        busy = {one.step.arm.weight for one in running}
        waiting = [arm for arm in self.arms if arm.racing and not arm.seen and arm.weight not in busy]
        if needed <= left:
            first = steps[0]
            if any(one.step.stage != first.stage for one in running):
                return None
            again = self._again(first) if first.search == "none" and first.seed == 0 else None
            if again is not None and needed + SAFETY * (again.seconds - first.seconds) <= left:
                first = again
            others = [arm for arm in waiting if arm is not first.arm]
            return replace(first, reserve=self._reserve(first.arm, others, left))
        return self._chance(waiting, left) or self._most_valuable(left, busy)

    def _needed(self, steps: Sequence[Step], running: Sequence[Running]) -> float:
        """Return the seconds that steps take at most, one stage after the other (Graham 1969, list scheduling)."""
        stages: dict[Stage | None, list[float]] = {one.step.stage: [] for one in running}
        for one in running:
            stages[one.step.stage].append(one.remaining)
        for step in steps:
            stages.setdefault(step.stage, []).append(step.seconds)
        others = self.workers - 1
        return SAFETY * sum((sum(each) + others * max(each)) / self.workers for each in stages.values())

    def steps_left(self) -> Iterator[Step]:
        """Yield all steps that are left to do, in the order in which they come where time is no matter."""
        racing = [arm for arm in self.arms if arm.racing]
        for place, rows in enumerate(self.sizes, start=1):
            why = f"rung {place} of {len(self.sizes)}" if len(self.sizes) > 1 else "all rows"
            for arm in racing:
                at_once = not arm.seen and not self._searches(arm)
                if (at_once and rows == self.sizes[0]) or (not at_once and rows > arm.top):
                    step = self.step(arm, self.full if at_once else rows)
                    yield replace(step, stage=(0, rows), why="all rows at once" if at_once else why)
        for arm in racing:
            if arm.top >= self.full and self._lacks_search(arm):
                step = self.step(arm, arm.top, search=True)
                yield replace(step, stage=(0, self.full), why="its learning rate was not searched yet")
        for seed in range(1, self.wanted_seeds):
            for arm in racing:
                if arm.seeded and (seed >= arm.seeds or arm.top < self.full):
                    why = f"seed {seed + 1} of {self.wanted_seeds}"
                    yield replace(self.step(arm, self.full, seed), stage=(seed, self.full), why=why)

    def step(self, arm: Arm, rows: int, seed: int = 0, *, search: bool | None = None) -> Step:
        """Return a step with its expected seconds: with a search if none was made, or as told."""
        if search is None:
            # What lies ahead is reckoned with one search an arm, at its first rung.
            first = not arm.seen and rows == (self.sizes[0] if self._searches(arm) else self.full)
            search = seed == 0 and (first or (bool(arm.seen) and arm.searched_at is None and rows > arm.top))
        searched = search and self._searches(arm)
        at = search_rows(rows, self.classes)
        return Step(arm, rows, seed, "first" if searched else "none", at, self.cost(arm, rows, at, searched))

    def _lacks_search(self, arm: Arm) -> bool:
        """Whether it was measured without the search of its learning rate that it takes."""
        return bool(arm.seen) and arm.searched_at is None and self._searches(arm)

    def _searches(self, arm: Arm) -> bool:
        """Whether it has learning rates to choose from, by what the choice costs."""
        rows = self.sizes[0]
        at = search_rows(rows, self.classes)
        return self.cost(arm, rows, at, True) > self.cost(arm, rows, at, False)

    def _again(self, step: Step) -> Step | None:
        """Return the same step with another look at the neighbours of a learning rate chosen at under a third."""
        arm, rows = step.arm, -(-step.rows // ETA)
        if step.rows < self.full or arm.searched_at is None or arm.searched_at >= rows or not self._searches(arm):
            return None
        seconds = self.cost(arm, step.rows, rows, True)
        why = f"{step.why}, learning rate looked at again"
        return replace(step, search="again", search_rows=rows, seconds=seconds, why=why)

    def _chance(self, waiting: list[Arm], left: float) -> Step | None:
        """Return the first step of one that waits, so that those after it can be measured too.

        The cheapest comes first; but of those that tune models whose frozen features were measured, and may show that
        they lie far behind, the one comes first that is expected to change the choice most a second.

        Where nobody's fits, of the cheapest whose estimate may be off: nobody else could use the time. Where that is
        too much as well, None, and `too_dear` has the reasons; a correction of the estimates may yet change that.
        """
        smallest = self.sizes[0]
        waiting = sorted(waiting, key=lambda arm: (arm.rung.model is not None, self._floor(arm), arm.weight))
        promise = {arm.weight: promise for arm in waiting if (promise := self._promise(arm)) is not None}
        promising = sorted((a for a in waiting if a.weight in promise), key=lambda a: -promise[a.weight])
        ordered = [promising.pop(0) if arm.weight in promise else arm for arm in waiting]
        for place, arm in enumerate(ordered):
            if (step := self._first(arm, ordered[place + 1 :], left)) is not None:
                order = "the cheapest first" if arm is waiting[place] else "the most promising model first"
                return replace(step, why=f"everybody gets a measurement, {order}")
        for arm in waiting:
            least = self.step(arm, self.least, search=True)
            for step in (least, self.step(arm, smallest, search=False), self.step(arm, self.least, search=False)):
                if step.seconds <= DOUBT * left:
                    return replace(step, why="nothing else fits, and its estimate may be off")
            whole = self.step(arm, self.full, search=True)
            reason = (
                f"{left:.0f} s were left: it needs about {least.seconds:.0f} s for {self.least:,} training rows, "
                f"{whole.seconds:.0f} s for all {self.full:,}"
            )
            self.too_dear.setdefault(arm.weight, reason)
        return None

    def _promise(self, arm: Arm) -> float | None:
        """Return the knowledge gradient a second of tuning a model by its frozen features; None without these."""
        frozen = [
            other.belief(self.full, self.validation_rows)
            for other in self.arms
            if other.seen and other.rung.model == arm.rung.model and other.rung.strategy.method == "frozen_features"
        ]
        if not frozen or not isinstance(arm.rung.strategy, Tuned) or arm.rung.strategy.weights != "pretrained":
            return None
        belief = of_tuned(max(frozen, key=lambda belief: belief.mean))
        lead = belief.mean - max(
            other.belief(self.full, self.validation_rows).mean for other in self.arms if other.seen
        )
        return gain(lead, belief.spread, 0.0) / max(self._floor(arm), 1e-3)

    def _floor(self, arm: Arm) -> float:
        """Return the seconds that it takes at least to measure an arm, on the smallest rung and without a search."""
        return SAFETY * self.step(arm, self.sizes[0], search=False).seconds

    def _reserve(self, arm: Arm, others: list[Arm], left: float) -> float:
        """Return the seconds to keep for arms that come after one, as far as there are enough for them."""
        reserve = 0.0
        for other in others:
            if self._floor(arm) + reserve + self._floor(other) / self.workers <= left:
                reserve += self._floor(other) / self.workers
        return reserve

    def _first(self, arm: Arm, others: list[Arm], left: float) -> Step | None:
        """Return the first step of an arm that leaves time for those after it, as far as there is enough for them."""
        smallest, reserve = self.sizes[0], self._reserve(arm, others, left)
        room = left - reserve
        # The last one may try what just fits: the deadline holds, and nobody waits for what it leaves.
        safety = SAFETY if others else 1.0
        sizes = (*self._starts(arm, left), smallest)
        options = [(rows, search) for search in (True, False) for rows in sizes]
        # Fewer rows than the others have come last: what was measured on the same rows can be compared.
        options += [(self._most(arm, self.least, smallest, room / safety, search), search) for search in (True, False)]
        for rows, search in options:
            step = self.step(arm, rows, search=search)
            if rows >= self.least and safety * step.seconds <= room:
                return replace(step, reserve=reserve)
        return None

    def _starts(self, arm: Arm, left: float) -> list[int]:
        """Return the rung above the smallest at which an arm without a search starts, if there is one."""
        if self._searches(arm):
            return []
        enough = max(EASY_SECONDS, EASY_SHARE * left, EASY_RATIO * self.step(arm, self.sizes[0], search=False).seconds)
        return [r for r in reversed(self.sizes[1:]) if self.step(arm, r, search=False).seconds <= enough][:1]

    def _most(self, arm: Arm, low: int, high: int, seconds: float, search: bool) -> int:
        """Return the most rows up to `high` whose step fits the seconds; less than `low` where none does."""
        low -= 1
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.step(arm, middle, search=search).seconds <= seconds
            low, high = (middle, high) if fits else (low, middle - 1)
        return low

    def _most_valuable(self, left: float, busy: Container[int]) -> Step | None:
        """Return the step with the most gain a second among those that fit, of arms that are not busy."""
        arms = [arm for arm in self.arms if arm.racing and arm.seen and arm.weight not in busy]
        best = max((step for arm in arms for step in self._open(arm, left)), key=self.worth, default=None)
        return best and replace(best, why="expected to change the choice most a second")

    def _open(self, arm: Arm, left: float) -> Iterator[Step]:
        """Yield the steps of an arm that fit."""
        room = left / SAFETY
        rising = []
        for rows in [size for size in self.sizes if size > arm.top]:
            # A rate is searched for where none was, if that fits too.
            options = (self.step(arm, rows), self.step(arm, rows, search=False))
            rising += [step for step in options if step.seconds <= room][:1]
        whole = next((step for step in rising if step.rows == self.full), None)
        for step in rising:
            # A rung below that would leave no time for all rows, which fit now, is no gain.
            if whole is None or step is whole or step.seconds + whole.seconds <= room:
                yield step
        if rising:
            return
        if arm.top < self.full:
            most = self._most(arm, arm.top + 1, self.full, room, search=False)
            if most >= STRETCH * arm.top:
                yield self.step(arm, most, search=False)
        if self._lacks_search(arm):
            # Without a search it cannot be refuted, nor with more seeds.
            step = self.step(arm, arm.top, search=True)
        elif arm.seeded and arm.seeds < self.wanted_seeds:
            step = self.step(arm, arm.top, arm.seeds)
        else:
            return
        if step.seconds <= room:
            yield step

    def worth(self, step: Step) -> float:
        """Return the knowledge gradient of a step a second, in scores; see `advisor.beliefs.gain`."""
        others = [a.belief(self.full, self.validation_rows).mean for a in self.arms if a.seen and a is not step.arm]
        arm, seeded = step.arm, step.arm.seeded
        own = arm.belief(self.full, self.validation_rows)
        seeds = len(arm.seen[arm.top]) + 1 if step.rows == arm.top else 1
        after = spread(1 - arm.score, step.rows, self.full, seeds, seeded=seeded)
        lead = own.mean - max(others, default=own.mean)
        if step.rows == arm.top and step.seed == 0:
            before, after = math.hypot(own.spread, UNSEARCHED), own.spread
        else:
            before = own.spread
        return gain(lead, before, after) / max(step.seconds, 1e-3)
