"""Whether a rival that learned from fewer rows was seen to lie ahead with as many, as a verdict asks.

Two recorded strategies of one data set and seed: one at n rows, the other at a half or a quarter of them. Where the
first does not score less, it would be CONFIRMED for want of rows of the other; `advisor.judging.judge` asks whether the
other may pass it. Where nothing is CONFIRMED, `advisor.decide.recommend` chooses by what is expected of both at n rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.judging import PASSING
from advisor.plan import LEAST_ROWS
from benchmarks.curve_data import Reach, Recorded
from benchmarks.curve_misses import Miss, accuracy_curves, folds
from benchmarks.exhaustive_grid import TOLERANCE
from probes.curve_prior import Mechanism
from strategies import NAMES

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


def pairs(reach: Reach | None = "ahead") -> Iterator[Pair]:
    """Yield every such pair, judged by what was learned from the other data sets: with others' curves or without."""
    asked = {(miss.curve, miss.task) for fold in folds("ahead") for miss in fold.own}
    for fold in folds(reach):
        widths = fold.widths(PASSING)
        for miss in fold.own:
            half = widths.half(miss)
            if half is not None and miss.task.factor in SHARES and (miss.curve, miss.task) in asked:
                most = 1 - math.exp(miss.centre - half)
                for _, score in _at_target(miss):
                    if score >= miss.curve.scores[miss.task.end - 1]:
                        passed = 1 - miss.truth > score + TOLERANCE
                        yield Pair(fold.dataset, passed, most > score + TOLERANCE)


def _beside(miss: Miss) -> Iterator[Recorded]:
    """Yield the curves of the other strategies on the same data set, of the same seed."""
    for curve in accuracy_curves():
        if (curve.dataset, curve.seed) == (miss.curve.dataset, miss.curve.seed) and curve.model != miss.curve.model:
            yield curve


def tuned_over_frozen() -> tuple[float, float]:
    """Return how far errors of tuning lie below those of frozen features on as many rows: mean and sd, in nats."""
    curves = accuracy_curves()
    below = [
        math.log((1 - frozen.scores[frozen.sizes.index(rows)]) / (1 - score))
        for tuned in curves
        if tuned.mechanism == "tuning"
        for frozen in curves
        if (frozen.dataset, frozen.seed, frozen.mechanism) == (tuned.dataset, tuned.seed, "frozen_features")
        for rows, score in zip(tuned.sizes, tuned.scores, strict=True)
        if rows in frozen.sizes
    ]
    return round(float(np.mean(below)), 3), round(float(np.std(below, ddof=1)), 3)


def _at_target(miss: Miss) -> Iterator[tuple[str, float]]:
    """Yield the other strategies that were recorded with the rows of a prediction's target, and their scores there."""
    rows = miss.curve.sizes[miss.task.target]
    for curve in _beside(miss):
        if rows in curve.sizes:
            yield curve.model, curve.scores[curve.sizes.index(rows)]


@dataclass(frozen=True)
class Foreseen:
    """A score that was expected with more rows, knowing what the others score there."""

    dataset: str
    mechanism: Mechanism
    truth: float
    alone: float
    """By the candidate's own curve and what is typical."""
    together: float
    """By the others' curves too."""


def foreseen() -> Iterator[tuple[Miss, Foreseen]]:
    """Yield what was expected of every candidate at a half or a quarter of the rows that others were recorded at."""
    alone = {(miss.curve, miss.task): miss for fold in folds() for miss in fold.own}
    for fold in folds("ahead"):
        for miss in fold.own:
            if miss.task.factor in SHARES and miss.largest >= LEAST_ROWS:
                by_own, by_all = (1 - math.exp(m.centre) for m in (alone[miss.curve, miss.task], miss))
                yield miss, Foreseen(fold.dataset, miss.curve.mechanism, 1 - miss.truth, by_own, by_all)


def errors_of_expected(mechanism: Mechanism) -> tuple[float, float]:
    """Return the mean distances in points without the others' curves and with them, each data set counting the same."""
    found = [each for _, each in foreseen() if each.mechanism == mechanism]
    return (
        _mean([(each.dataset, 100 * abs(each.alone - each.truth)) for each in found], 2),
        _mean([(each.dataset, 100 * abs(each.together - each.truth)) for each in found], 2),
    )


@dataclass(frozen=True)
class Choice:
    """A choice between a candidate at n rows and a heavier one at fewer; regrets are points at n rows."""

    dataset: str
    by_scores: float
    """Regret of what the scores as measured choose."""
    by_curves: float
    """Regret of what the scores expected at n rows choose."""


def choices() -> Iterator[Choice]:
    """Yield every such choice."""
    for miss, each in foreseen():
        for name, lighter in _at_target(miss):
            if NAMES.index(name) < NAMES.index(miss.curve.model):
                by_scores, by_curves = (
                    100 * (max(lighter, each.truth) - (lighter if lighter >= heavier - TOLERANCE else each.truth))
                    for heavier in (miss.curve.scores[miss.task.end - 1], each.together)
                )
                yield Choice(each.dataset, by_scores, by_curves)


def regrets() -> tuple[float, float]:
    """Return the mean regrets by scores and by curves, in points, each data set counting the same."""
    found = list(choices())
    return _mean([(c.dataset, c.by_scores) for c in found], 2), _mean([(c.dataset, c.by_curves) for c in found], 2)


def shares(reach: Reach | None = "ahead") -> tuple[float, float, float]:
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
    found = list(pairs(reach))
    ahead, behind = [pair for pair in found if pair.passed], [pair for pair in found if not pair.passed]
    return (
        _percent([(p.dataset, p.passed) for p in found]),
        _percent([(p.dataset, not p.foreseen) for p in ahead]),
        _percent([(p.dataset, not p.foreseen) for p in behind]),
    )


def _percent(found: list[tuple[str, bool]]) -> float:
    return _mean([(name, 100 * is_so) for name, is_so in found], 1)


def _mean(found: Sequence[tuple[str, float]], digits: int) -> float:
    names = sorted({name for name, _ in found})
    return round(float(np.mean([np.mean([value for own, value in found if own == name]) for name in names])), digits)
