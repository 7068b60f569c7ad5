"""What all tuning shares: a head started from the linear probe, and a small learning-rate search."""

from __future__ import annotations

import math
from typing import Literal

from probes.measurement import EDGE
from probes.model import ModelFacts
from probes.recipe import Adapter, Recipe, Tuning
from strategies.base import Evidence, Situation, Strategy
from strategies.settling import settle_beyond, settle_search

STEPS = 200
"""Optimiser steps to aim at, and 4 epochs at least: a head that starts from the linear probe needs few."""
RATES = 3
"""Learning rates of a search, before its best is at an edge."""
WHOLE_BATCH_ROWS = 1_000
"""Training rows from which an optimiser step has 16 of them; below it has 8."""


def batch_size(rows: int) -> int:
    """Return 16, or 8 below `WHOLE_BATCH_ROWS`, which would give few steps: shrink the batch before adding epochs.

    Steps, not precision, were what plain training with 8 rows a step was ahead by (`benchmarks.ladder`).

    Examples
    --------
    >>> batch_size(999), batch_size(1000)
    (8, 16)
    """
    return 16 if rows >= WHOLE_BATCH_ROWS else 8


def epochs(rows: int) -> int:
    """Return the passes that make about `STEPS` steps: 4 to 10, fewer where rows are many.

    Examples
    --------
    >>> [epochs(rows) for rows in (100, 400, 1_000, 10_000, 100_000)]
    [10, 4, 4, 3, 2]
    """
    if rows >= 5_000:
        return 2 if rows > 50_000 else 3
    return max(4, min(10, math.ceil(STEPS / math.ceil(rows / batch_size(rows)))))


class Tuned(Strategy):
    """Gradient descent from a pretrained model.

    The head starts from the linear probe (LP-FT, Kumar et al. 2022), learning rates are searched on validation rows
    because they matter more than the method (PEFT's public benchmark), and training stops early.
    """

    seeded = True
    method = "tuning"
    step_cost = 1.0
    """Seconds of a step over those of a step that trains every weight: measured on MiniLM on a CPU, where not said."""
    layers: Literal["all", "first_quarter", "last_quarter"] = "all"
    """Layers whose weights are trained."""
    weights: Literal["pretrained", "random"] = "pretrained"
    """Where the weights start."""
    more_passes = 1
    """Passes over those of `epochs`: more where little moves a step, or much has to."""

    def learning_rates(self, model: ModelFacts) -> tuple[float, ...]:
        """Return the learning rates to try."""
        raise NotImplementedError

    def adapter(self, model: ModelFacts) -> Adapter | None:  # noqa: ARG002
        """Return the adapter to train; None, as here, trains the weights themselves."""
        return None

    def passes(self, rows: int) -> int:
        """Return the passes over so many training rows, at most."""
        return self.more_passes * epochs(rows)

    def recipes(self, situation: Situation) -> tuple[Recipe, ...]:
        """Return one recipe a learning rate."""
        model = situation.model
        if model is None:
            raise ValueError("tuning needs a model")
        rows = situation.train_rows
        return tuple(
            Tuning(
                adapter=self.adapter(model),
                layers=self.layers,
                weights=self.weights,
                head="linear_probe" if self.weights == "pretrained" else "random",
                pooling=model.pooling,
                normalize=model.normalize,
                max_length=situation.max_length,
                learning_rate=rate,
                epochs=self.passes(rows),
                batch_size=batch_size(rows),
                warmup=0.1 if model.kind == "encoder" else 0.03,
                weight_decay=0.01 if model.kind == "encoder" else 0.0,
                precision=situation.speed.precision if situation.speed else "fp32",
                seed=situation.seed,
            )
            for rate in self.learning_rates(model)
        )

    def unfair(self, evidence: Evidence) -> tuple[str, str] | None:
        """Return also that no learning rate was searched, or that the best was the last tried and clearly better."""
        reason = super().unfair(evidence)
        if reason is not None:
            return reason
        if not any(m.trials for m in evidence.measurements):
            came = next((f" ({m.cut_off})" for m in evidence.measurements if m.cut_off), "")
            return (
                f"there was no time to search its learning rate{came}",
                settle_search(evidence.measurements, RATES, evidence.search_rows),
            )
        for measurement in evidence.measurements:
            chosen = measurement.recipe
            trials = [t for t in measurement.trials if t.setting.startswith("learning_rate=")]
            by_rate = sorted((float(t.setting.removeprefix("learning_rate=")), t.validation_score) for t in trials)
            if not isinstance(chosen, Tuning) or len(by_rate) < 2:
                continue
            for edge, neighbour, word in ((by_rate[0], by_rate[1], "lowest"), (by_rate[-1], by_rate[-2], "highest")):
                if math.isclose(chosen.learning_rate, edge[0], rel_tol=1e-6) and edge[1] - neighbour[1] > EDGE:
                    gain = 100 * (edge[1] - neighbour[1])
                    because = (
                        f"{edge[0]:g} was the {word} learning rate tried, and {gain:.1f} points better "
                        "than the next on validation rows"
                    )
                    return because, settle_beyond(evidence.measurements)
        return None

    def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:
        """Estimate: the search, the final run where it has more rows, validation after each epoch, the scoring."""
        if situation.speed is None or situation.model is None:
            return 0.0

        def run(rows: int) -> float:
            passes = self.passes(rows)
            training = rows * self.step_cost / speed.train_rows_per_second
            return passes * (training + situation.validation_rows / speed.forward_rows_per_second)

        speed = situation.speed
        total = len(self.learning_rates(situation.model)) * run(search_rows) if searched else 0.0
        if search_rows < train_rows or not searched:
            total += run(train_rows)
        return total + (situation.validation_rows + situation.test_rows) / speed.forward_rows_per_second
