"""The search of a learning rate: recipes are tried on validation rows, and it ends where another finds no time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from probes.data import Rows
from probes.errors import MeasurementFailed
from probes.fitted import Fitted
from probes.fitting import fit
from probes.measurement import EDGE, Trial
from probes.recipe import Recipe, Tuning
from probes.training import FittedTuning
from probes.workbench import Workbench

WIDER = 2
"""Learning rates tried at most beyond either end of the range a strategy proposes."""

SAFETY = 1.1
"""An estimate is believed to be off by up to this factor."""

FARTHEST = 4.0
"""An estimate is corrected by this factor at most, either way."""


@dataclass(frozen=True)
class SearchTime:
    """What a search is expected to take, and what has to find time after it.

    Examples
    --------
    >>> time = SearchTime(trial=10.0, follows=5.0, reserve=20.0)
    >>> [round(time.left(100.0, takes), 1) for takes in (5.0, 10.0, 20.0, 1_000.0)]
    [77.2, 74.5, 49.0, -2.0]
    """

    trial: float = 0.0
    """Seconds that a trial is expected to take; a second or less says nothing of how slow the machine is."""
    follows: float = 0.0
    """Seconds that the rest of the measurement is expected to take: the scoring, and a run on more rows."""
    reserve: float = 0.0
    """Seconds to leave before the deadline for others."""

    def left(self, remaining: float, takes: float) -> float:
        """Return the seconds left for another trial, so many before the deadline, where one takes so long.

        What follows is taken to be as much slower, or faster, than expected as trials are; others to be as much slower.
        """
        slower = min(FARTHEST, max(1 / FARTHEST, takes / self.trial)) if self.trial > 1 else 1.0
        return remaining - max(1.0, slower) * self.reserve - SAFETY * slower * self.follows


UNHURRIED = SearchTime()
"""Nothing is expected, and nobody waits: a search has all the time that its bench has."""


@dataclass(frozen=True)
class Searched:
    """What became of a search."""

    best: Recipe
    fitted: Fitted | None
    """The best classifier, if it was fitted here."""
    trials: tuple[Trial, ...]
    cut_off: str = ""
    """Why it ended before each recipe was tried, with its numbers; empty where it did not."""


def search(
    recipes: tuple[Recipe, ...],
    bench: Workbench,
    train: Rows,
    *,
    known: Mapping[str, Trial],
    record: Callable[[Trial], None],
    search_time: SearchTime = UNHURRIED,
    followed: bool = False,
    beyond: int = WIDER,
) -> Searched:
    """Try recipes on validation rows and name the best.

    The middle one comes first: it is what is taken where there is no time for a search, and may be the only one that
    finds time. While the best has the lowest or highest learning rate tried, and is more than `EDGE` better than the
    next, one more is tried beyond it. Where another trial, by the slowest made here and with all its passes, would take
    longer than there is time, the search ends: what it found is better than nothing at the deadline.

    Parameters
    ----------
    recipes : tuple of Recipe
        They differ in their learning rate.
    bench : Workbench
    train : Rows
    known : mapping
        Trials that finished earlier, by setting; they are not run again.
    record : callable
        Called with each new trial as soon as it has finished.
    search_time : SearchTime
        What is expected of this search, which ends before the deadline of the bench.
    followed : bool
        Whether the best is fitted anew, on more rows; else its trial is the measurement.
    beyond : int
        Learning rates tried at most beyond either end of those of `recipes`.

    Returns
    -------
    Searched

    Raises
    ------
    MeasurementFailed
        If every recipe failed.
    """
    tried: list[tuple[Recipe, Trial]] = []
    asked: set[str] = set()
    best: tuple[tuple[float, float], Recipe, Fitted | None] | None = None
    failures = []
    slowest: float | None = None
    skipped: list[str] = []
    waiting = sorted(recipes, key=lambda recipe: abs(recipes.index(recipe) - len(recipes) // 2))
    while waiting:
        recipe = waiting.pop(0)
        setting = describe(recipe)
        asked.add(setting)
        fitted: Fitted | None = None
        trial = known.get(setting)
        # The machine may have been slower when another process tried one: what is made here tells how long one takes.
        takes = slowest
        if takes is None and recipe not in recipes:  # nobody waits for one beyond
            takes = max(t.seconds for _, t in tried)
        if trial is None and takes is not None and best is not None:
            # One that was tried by a process that died is fitted once more if it stays the best.
            needed = SAFETY * takes * (1 + (best[2] is None and not followed))
            left = search_time.left(bench.deadline.remaining, takes)
            if needed > left:
                if recipe in recipes:
                    skipped.append(
                        f"{math.ceil(needed)} s are needed for another, {math.floor(max(0, left))} were left"
                    )
                continue
        if trial is None:
            try:
                fitted, trial = _try(recipe, bench, train)
                record(trial)
                slowest = max(slowest or 0.0, trial.seconds / _share_of_passes(recipe, fitted))
            except MeasurementFailed as error:
                failures.append(str(error))
        if trial is not None:
            tried.append((recipe, trial))
            # What was measured before, with its loss not kept, stays where another is no better.
            key = (trial.validation_score, math.inf if trial.validation_loss is None else -trial.validation_loss)
            if best is None or key > best[0]:
                best = (key, recipe, fitted)
        if not waiting and best is not None and not skipped:
            wider = _beyond(recipes, tried, best[1], beyond)
            waiting = [wider] if wider is not None and describe(wider) not in asked else []
    if best is None:
        raise MeasurementFailed("; ".join(dict.fromkeys(failures)) or "there was no recipe to try")
    cut_off = f"{len(recipes) - len(skipped)} of {len(recipes)} tried, {skipped[0]}" if skipped else ""
    return Searched(best[1], best[2], tuple(trial for _, trial in tried), cut_off)


def _try(recipe: Recipe, bench: Workbench, train: Rows) -> tuple[Fitted, Trial]:
    start = time.monotonic()
    fitted = fit(recipe, bench, train)
    return fitted, Trial(
        setting=describe(recipe),
        train_rows=len(train),
        validation_score=fitted.validation_score or 0.0,
        validation_loss=fitted.validation_loss if isinstance(fitted, FittedTuning) else None,
        converged=fitted.converged,
        why_not=fitted.why_not,
        seconds=time.monotonic() - start,
        tokens=fitted.tokens,
    )


def _share_of_passes(recipe: Recipe, fitted: Fitted) -> float:
    """Return the share of its passes that a trial made before it stopped early: the next one may make all of them."""
    if isinstance(recipe, Tuning) and isinstance(fitted, FittedTuning) and fitted.epochs_run > 0:
        return min(1.0, fitted.epochs_run / recipe.epochs)
    return 1.0


def _beyond(
    recipes: tuple[Recipe, ...], tried: list[tuple[Recipe, Trial]], best: Recipe, at_most: int
) -> Recipe | None:
    """Return the recipe beyond the best one, as far from it as its neighbour; None where the best has two sides."""
    by_rate = sorted(
        (recipe.learning_rate, trial.validation_score) for recipe, trial in tried if isinstance(recipe, Tuning)
    )
    proposed = [recipe.learning_rate for recipe in recipes if isinstance(recipe, Tuning)]
    if not isinstance(best, Tuning) or len(by_rate) < 2:
        return None
    for (rate, reached), (next_rate, next_reached) in ((by_rate[0], by_rate[1]), (by_rate[-1], by_rate[-2])):
        if rate != best.learning_rate or reached - next_reached <= EDGE:
            continue
        outside = sum(r < min(proposed) if rate < next_rate else r > max(proposed) for r, _ in by_rate)
        return at_rate(best, rate * rate / next_rate) if outside < at_most else None
    return None


def at_rate(recipe: Tuning, rate: float) -> Tuning:
    """Return the recipe at another learning rate, of three digits: more would tell equal settings apart.

    Examples
    --------
    >>> at_rate(Tuning(pooling="mean", max_length=64, learning_rate=1e-4), 2e-5 * 2e-5 / 5e-5).learning_rate
    8e-06
    """
    return recipe.model_copy(update={"learning_rate": float(f"{rate:.3g}")})


def describe(recipe: Recipe) -> str:
    """Return the setting that tells a recipe from the others of its search.

    Examples
    --------
    >>> describe(Tuning(pooling="mean", max_length=64, learning_rate=2e-5))
    'learning_rate=2e-05'
    """
    return f"learning_rate={recipe.learning_rate:g}" if isinstance(recipe, Tuning) else recipe.method
