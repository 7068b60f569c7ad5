"""Whether a rival that learned from fewer rows was seen to lie ahead with as many, as a verdict asks.

Two recorded strategies of one data set and seed: one at n rows, the other at a half or a quarter of them. Where the
first does not score less, it would be CONFIRMED for want of rows of the other; `advisor.judging.judge` asks whether the
other may pass it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from advisor.judging import PASSING
from benchmarks.curve_misses import Miss, accuracy_curves, folds, quantiles
from benchmarks.exhaustive_grid import TOLERANCE

SHARES = (2, 4)
"""How many times the rows of the rival the first learned from: about a rung, which is three times the one before."""


@dataclass(frozen=True)
class Pair:
    """A candidate at n rows that does not score less than a rival at fewer."""

    dataset: str
    passed: bool
    """Whether the rival at n rows lies ahead by more than the tolerance."""
    foreseen: bool
    """Whether it was said that it may."""


def pairs() -> Iterator[Pair]:
    """Yield every such pair, judged by what was learned from the other data sets."""
    for fold in folds():
        widths = quantiles(fold.seen, PASSING)
        for miss in fold.own:
            width = widths.of(miss)
            if width is not None and miss.task.factor in SHARES:
                most = 1 - math.exp(miss.centre - width * miss.spread)
                for score in _at_target(miss):
                    if score >= miss.curve.scores[miss.task.end - 1]:
                        passed = 1 - miss.truth > score + TOLERANCE
                        yield Pair(fold.dataset, passed, most > score + TOLERANCE)


def _at_target(miss: Miss) -> Iterator[float]:
    """Yield the scores of the other strategies with the rows of a prediction's target."""
    rows = miss.curve.sizes[miss.task.target]
    for curve in accuracy_curves():
        if (curve.dataset, curve.seed) == (miss.curve.dataset, miss.curve.seed) and curve.model != miss.curve.model:
            yield from (score for size, score in zip(curve.sizes, curve.scores, strict=True) if size == rows)


def shares() -> tuple[float, float, float]:
    """Return in percent, each data set counting the same, what became of rivals on fewer rows that did not lead.

    Returns
    -------
    passed : float
        Of all, those that lie ahead with as many rows.
    missed : float
        Of those, the ones of which it was said that they cannot.
    cleared : float
        Of those that do not lie ahead, the ones of which it was said that they cannot.
    """
    found = list(pairs())
    ahead, behind = [pair for pair in found if pair.passed], [pair for pair in found if not pair.passed]
    return (
        _mean([(p.dataset, p.passed) for p in found]),
        _mean([(p.dataset, not p.foreseen) for p in ahead]),
        _mean([(p.dataset, not p.foreseen) for p in behind]),
    )


def _mean(found: list[tuple[str, bool]]) -> float:
    names = sorted({name for name, _ in found})
    return round(100 * float(np.mean([np.mean([is_so for own, is_so in found if own == name]) for name in names])), 1)
