"""Gradient descent whose outcomes and seconds are made up, and recipes to try with it."""

from __future__ import annotations

from typing import Any

from probes.data import Rows
from probes.measurement import Trial
from probes.recipe import BagOfWords, FrozenFeatures, Recipe, Tuning
from probes.searching import SearchTime
from probes.training import FittedTuning
from probes.workbench import Workbench

RATES = (1e-4, 2e-4, 5e-4)
BEYOND = (1.25e-3, 3.13e-3)
"""Rates tried beyond the highest, each 2.5 times the one before."""
RECIPES = tuple(Tuning(pooling="mean", max_length=16, learning_rate=rate, epochs=1) for rate in RATES)
NO_TIME = SearchTime(reserve=1e6)
"""Leaves none for a second trial where there is a deadline."""


class Fits:
    """Stands in for gradient descent: gives each learning rate its score and loss, and keeps what it was asked."""

    def __init__(self, outcomes: dict[float, tuple[float, float] | Exception]) -> None:
        self.outcomes = outcomes
        self.calls: list[tuple[float, int]] = []
        self.now = 0.0
        """What the clock shows."""
        self.pace = 1.0
        """Seconds that 90 rows take; fewer take their share."""
        self.epochs_run = 1.0

    def __call__(self, recipe: Tuning, bench: Workbench, train: Rows, **_: Any) -> FittedTuning:
        self.now += self.pace * len(train) / 90
        self.calls.append((recipe.learning_rate, len(train)))
        outcome = self.outcomes[recipe.learning_rate]
        if isinstance(outcome, Exception):
            raise outcome
        return FittedTuning(
            recipe=recipe,
            model=None,
            bench=bench,
            tokenizer=None,
            validation_score=outcome[0],
            validation_loss=outcome[1],
            epochs_run=self.epochs_run,
            converged=recipe.learning_rate != RATES[0],
            why_not="underfit" if recipe.learning_rate == RATES[0] else "",
            tokens=7,
            history=(),
        )


def trial(rate: float, validation_score: float, loss: float = 1.0) -> Trial:
    return Trial(
        setting=f"learning_rate={rate:g}",
        train_rows=90,
        validation_score=validation_score,
        validation_loss=loss,
        converged=True,
        seconds=1.0,
    )


def recipes_of(kind: str) -> tuple[Recipe, ...]:
    if kind == "bag of words":
        return (BagOfWords(),)
    if kind == "probe":
        return (FrozenFeatures(pooling="mean", max_length=16),)
    return tuple(Tuning(pooling="mean", max_length=16, learning_rate=rate, epochs=1) for rate in (1e-4, 3e-3))
