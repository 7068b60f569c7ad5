"""Which recipes a step tries: those of a search, or the one that an earlier search of its candidate chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advisor.plan import Step
from probes.measurement import Measurement, Trial
from probes.recipe import Recipe, Tuning
from probes.searching import at_rate, describe
from strategies import Situation


def recipes_of(
    step: Step, situation: Situation, done: Sequence[Measurement]
) -> tuple[tuple[Recipe, ...], tuple[Trial, ...]]:
    """Return the recipes to choose from, and where one, or the middle one, was chosen earlier the trials that did.

    Parameters
    ----------
    step : Step
    situation : Situation
        What its strategy may look at, at the rows and the seed of the step.
    done : sequence of Measurement
        Those of this run.

    Returns
    -------
    recipes : tuple of Recipe
    chosen_by : tuple of Trial
    """
    recipes = step.arm.rung.strategy.recipes(situation)
    earlier = max(_own(step, done), key=lambda m: m.train_rows, default=None)
    if step.search == "first" or len(recipes) == 1:
        return _best_first(recipes, earlier), ()
    middle = recipes[len(recipes) // 2]
    if earlier is None or not isinstance(earlier.recipe, Tuning) or not isinstance(middle, Tuning):
        return (middle,), ()
    rate, first = earlier.recipe.learning_rate, recipes[0]
    if step.search == "again" and isinstance(first, Tuning):
        apart = middle.learning_rate / first.learning_rate
        return tuple(at_rate(middle, rate * factor) for factor in (1 / apart, 1.0, apart)), earlier.trials
    return (at_rate(middle, rate),), earlier.trials


def _best_first(recipes: tuple[Recipe, ...], earlier: Measurement | None) -> tuple[Recipe, ...]:
    """Put the rate in the middle, where a search begins, that was the best so far of one that time ended."""
    if earlier is None:
        return recipes
    best = [r for r in recipes if describe(r) == describe(earlier.recipe)]
    others = [r for r in recipes if r not in best]
    half = len(others) // 2
    return (*others[:half], *best, *others[half:])


def known_from(step: Step, tried: Mapping[str, Trial], done: Sequence[Measurement]) -> dict[str, Trial]:
    """Return the trials that a search need not make again, by setting.

    Parameters
    ----------
    step : Step
    tried : mapping
        Trials of its candidate at the rows of its search that finished earlier, by setting.
    done : sequence of Measurement
        Those of this run: one at just the rows of a search that comes later is a trial of it.

    Returns
    -------
    dict
    """
    measured = {
        describe(m.recipe): Trial(
            setting=describe(m.recipe),
            train_rows=m.train_rows,
            validation_score=m.validation_score or 0.0,
            converged=m.converged,
            why_not=m.why_not,
            seconds=m.seconds,
            # One that is not replaced keeps its own.
            tokens=m.tokens if m.train_rows == step.rows else 0,
        )
        for m in _own(step, done)
        if step.search != "none" and m.train_rows == step.search_rows
    }
    return measured | dict(tried)


def _own(step: Step, done: Sequence[Measurement]) -> list[Measurement]:
    """Return the measurements of a step's candidate at seed 0, which alone search."""
    candidate = step.arm.rung.candidate
    return [m for m in done if (m.strategy, m.model, m.seed) == (candidate.strategy, candidate.model, 0)]
