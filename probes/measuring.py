"""From recipes to a measurement: validation rows choose a recipe, it is fitted, and every test row is scored once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.data import Rows
from probes.errors import MeasurementFailed
from probes.fitted import Fitted
from probes.fitting import fit
from probes.hardware import PeakMemory
from probes.measurement import EDGE, Measurement, Trial
from probes.recipe import Recipe, Tuning
from probes.sampling import order_of_seed, take_nested
from probes.statistics import score
from probes.training import FittedTuning
from probes.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDER = 2
"""Learning rates tried at most beyond either end of the range a strategy proposes."""

SAFETY = 1.1
"""An estimate is believed to be off by up to this factor."""

FARTHEST = 4.0
"""An estimate is corrected by this factor at most, either way."""


def no_end(takes: float) -> float:  # noqa: ARG001
    """Return the seconds left to a search that nobody waits for, whatever a trial takes."""
    return math.inf


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
    room: Callable[[float], float] = no_end,
    followed: bool = False,
    beyond: int = WIDER,
) -> Searched:
    """Try recipes on validation rows and name the best.

    The middle one comes first: it is what is taken where there is no time for a search, and may be the only one that
    finds time. While the best has the lowest or highest learning rate tried, and is more than `EDGE` better than the
    next, one more is tried beyond it. Where another trial, by the slowest made here and with all its passes, would take
    longer than there is room, the search ends: what it found is better than nothing at the deadline.

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
    room : callable
        Returns the seconds left for another trial, where one takes as long as given.
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
            needed, left = SAFETY * takes * (1 + (best[2] is None and not followed)), room(takes)
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


def measure(
    strategy: str,
    recipes: tuple[Recipe, ...],
    bench: Workbench,
    *,
    train_rows: int,
    search_rows: int,
    seed: int,
    known: Mapping[str, Trial],
    record: Callable[[Trial], None],
    search_time: SearchTime | None = None,
    beyond: int = WIDER,
    chosen_by: tuple[Trial, ...] = (),
) -> Measurement:
    """Measure: choose a recipe on validation rows, fit it, score every test row once.

    Parameters
    ----------
    strategy : str
        Name to file the measurement under.
    recipes : tuple of Recipe
        One, or several to choose from on validation rows.
    bench : Workbench
    train_rows : int
        Rows to learn from, the first of one nested stratified order; seeds above 0 have an order of their own.
    search_rows : int
        Rows the search learns from; if as many as `train_rows`, its best run is the measurement.
    seed : int
    known, record, beyond
        See `search`.
    search_time : SearchTime, optional
        What says when a search has to end, before the deadline of the bench; without it none does.
    chosen_by : tuple of Trial
        The trials of an earlier search, which chose the one recipe, or the middle one.

    Returns
    -------
    Measurement

    Raises
    ------
    OutOfTime, MeasurementFailed
        See `fit`.
    """
    import numpy as np

    order = order_of_seed(bench.data.split_seed, seed)
    train = take_nested(bench.data.train, train_rows, order)
    start = time.monotonic()
    with PeakMemory(bench.device) as memory:
        trials: tuple[Trial, ...] = ()
        before: tuple[Trial, ...] = ()
        chosen, fitted, cut_off = recipes[0], None, ""
        if len(recipes) > 1:
            sample = take_nested(train, search_rows, order)

            def room(takes: float) -> float:
                return search_time.left(bench.deadline.remaining, takes) if search_time else math.inf

            found = search(
                recipes,
                bench,
                sample,
                known=known,
                record=record,
                room=room,
                followed=len(sample) < len(train),
                beyond=beyond,
            )
            chosen, fitted, trials, cut_off = found.best, found.fitted, found.trials, found.cut_off
            if len(sample) < len(train):
                fitted, before = None, trials
            else:  # the best of them is the measurement itself, also where it was tried by a process that died
                before = tuple(trial for trial in trials if trial.setting != describe(chosen))
        if fitted is None:
            fitted = fit(chosen, bench, train)
        with bench.deadline.enforced():
            validation = _classes(fitted, bench.data.validation)
            predictions = _classes(fitted, bench.data.test)
    return Measurement(
        strategy=strategy,
        model=None if bench.model is None else bench.model.name,
        recipe=fitted.recipe,
        train_rows=len(train),
        seed=seed,
        metric=bench.metric,
        score=score(bench.metric, np.array(bench.data.test.labels), predictions),
        validation_score=fitted.validation_score,
        validation_predictions=tuple(int(p) for p in validation),
        predictions=tuple(int(p) for p in predictions),
        converged=fitted.converged,
        why_not=fitted.why_not,
        # Whose trials are named was searched for: one that was cut off is not, unless it looked at a choice again.
        trials=(() if cut_off and not (chosen_by and len(trials) > 1) else trials) or fitted.trials or chosen_by,
        cut_off=cut_off,
        search_seconds=sum(t.seconds for t in (before if cut_off else trials) if t.setting not in known),
        seconds=time.monotonic() - start,
        peak_bytes=memory.bytes,
        tokens=sum(trial.tokens for trial in before) + fitted.tokens,
        notes=(*fitted.notes, *bench.cache.news()),
    )


def _classes(fitted: Fitted, rows: Rows) -> NDArray[np.int64]:
    """Return the index of the likeliest class of each row."""
    import numpy as np

    return np.asarray(fitted.probabilities(rows).argmax(axis=1), dtype=np.int64)
