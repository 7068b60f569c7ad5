"""Paired statistics over test rows: scores, bootstrap, Wilson intervals, Holm correction, detectable differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from probes.base import Frozen
from probes.measurement import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 4_000
"""Bootstrap resamples; at least 2,000 are usual, and Holm over six candidates looks at the 0.8 % tail."""

LEAST_RESAMPLES = 1_000
"""What stays of them where a resample is large."""

DRAWS = 100_000_000
"""Draws in all that a comparison may cost; where rows hardly repeat each other, resamples become fewer instead."""

LEVEL = 0.05
"""Error rate of the one-sided bounds, before Holm."""


class Interval(Frozen):
    """A score or a difference with a 95 % interval."""

    mean: float
    low: float
    high: float


class Comparison(Frozen):
    """A candidate against the best of all candidates, on the same test rows."""

    score: Interval
    """The candidate's own score, two-sided 95 % interval."""
    delta: Interval
    """Score minus the best score: the mean on the rows as they are, and the two one-sided Holm-corrected bounds."""
    disagreement: float
    """Share of test rows on which exactly one of this candidate and its strongest rival is right (first seeds)."""
    margin: float
    """Score minus that of the strongest rival, plus the tolerance: how far the truth seems from the edge."""
    p_not_worse: float
    """Share of resamples in which the candidate is worse than the best by the tolerance or more: the evidence against
    CONFIRMED."""
    p_worse: float
    """Share of resamples in which chance alone sets it back as far behind the best as it is, less the tolerance: the
    evidence against REFUTED."""
    confirmed: bool
    """Whether the lower bound of delta lies above minus the tolerance."""
    refuted: bool
    """Whether the upper bound of delta lies below minus the tolerance."""


def score(metric: Metric, labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> float:
    """Return the metric over all rows.

    Parameters
    ----------
    metric : {'accuracy', 'macro_f1'}
    labels, predictions : ndarray of int, shape (n,)
        Class indices.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> score("accuracy", np.array([0, 1, 1]), np.array([0, 1, 0]))
    0.6666666666666666
    >>> score("macro_f1", np.array([0, 1, 1]), np.array([0, 1, 0]))
    0.6666666666666666
    """
    import numpy as np

    return float(resampled_scores(metric, labels, predictions, np.ones((1, len(labels)), np.float32))[0])


def resampled_scores(
    metric: Metric, labels: NDArray[np.int64], predictions: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the metric under each row of `weights`, how often each test row was drawn.

    Parameters
    ----------
    metric : {'accuracy', 'macro_f1'}
    labels, predictions : ndarray of int, shape (n,)
        Class indices; one entry may stand for many test rows that look alike.
    weights : ndarray of float, shape (resamples, n)

    Returns
    -------
    ndarray of float, shape (resamples,)
        macro-F1 averages over the classes that occur among the labels or predictions of the resample, as scikit-learn
        does.
    """
    import numpy as np

    hit = (labels == predictions).astype(np.float32)
    if metric == "accuracy":
        share: NDArray[np.float64] = np.asarray(weights @ hit, np.float64) / weights.sum(axis=1, dtype=np.float64)
        return share
    # One pass over the weights for all classes: a sparse matrix has the one class of each row.
    from scipy.sparse import csr_array

    classes, indices = np.unique(np.concatenate([labels, predictions]), return_inverse=True)
    real, claimed = np.split(indices, 2)
    rows, shape = np.arange(len(labels)), (len(classes), len(labels))
    right = csr_array((hit, (real, rows)), shape=shape)
    ones = np.ones(len(labels), np.float32)
    either = csr_array((ones, (real, rows)), shape=shape) + csr_array((ones, (claimed, rows)), shape=shape)
    columns = np.ascontiguousarray(weights.T)
    true_positive, claimed_or_real = (np.asarray(part @ columns, np.float64) for part in (right, either))
    total = (2 * true_positive / np.maximum(claimed_or_real, 1e-9)).sum(axis=0)
    present = (claimed_or_real > 0).sum(axis=0)
    return np.asarray(total / present, dtype=np.float64)


def _alike(
    metric: Metric, labels: NDArray[np.int64], predictions: list[list[NDArray[np.int64]]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[list[NDArray[np.int64]]]]:
    """Put rows together that no score tells apart; return how many each kind has, and its label and predictions.

    How often each kind is drawn is a multinomial too, so that nothing is lost. Accuracy knows right and wrong only.
    """
    import numpy as np

    flat = [p for seeds in predictions for p in seeds]
    columns = [(p != labels).astype(np.int64) for p in flat] if metric == "accuracy" else flat
    truth = np.zeros_like(labels) if metric == "accuracy" else labels
    # One number a kind of row so far, column after column: much faster than comparing whole rows.
    kinds = truth
    for column in columns:
        kinds = np.unique(kinds * (int(column.max()) + 1) + column, return_inverse=True)[1]
    _, first, counts = np.unique(kinds, return_index=True, return_counts=True)
    kept = iter([column[first] for column in columns])
    return counts, truth[first], [[next(kept) for _ in seeds] for seeds in predictions]


def wilson(score: float, rows: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a share (Wilson 1927), two-sided 95 % by default.

    Examples
    --------
    >>> low, high = wilson(0.8, 100)
    >>> round(low, 3), round(high, 3)
    (0.711, 0.867)
    """
    centre = score + z * z / (2 * rows)
    half = z * math.sqrt(score * (1 - score) / rows + z * z / (4 * rows * rows))
    scale = 1 + z * z / rows
    # The interval holds the score itself; rounding must not push it out at 0 and 1.
    return max(0.0, min(score, (centre - half) / scale)), min(1.0, max(score, (centre + half) / scale))


def holm_levels(p_values: list[float], level: float = LEVEL) -> list[float]:
    """Return for each hypothesis the level at which Holm's step-down procedure (Holm 1979) tests it.

    Once a hypothesis is kept, all with larger p-values are tested at that same level and can no longer be rejected
    unless they pass it.

    Examples
    --------
    >>> [round(a, 4) for a in holm_levels([0.001, 0.04, 0.02])]
    [0.0167, 0.05, 0.025]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    levels = [0.0] * len(p_values)
    stopped_at: float | None = None
    for rank, i in enumerate(order):
        here = level / (len(p_values) - rank)
        if stopped_at is None and p_values[i] > here:
            stopped_at = here
        levels[i] = here if stopped_at is None else stopped_at
    return levels


def compare(
    metric: Metric,
    labels: NDArray[np.int64],
    predictions: list[list[NDArray[np.int64]]],
    tolerance: float,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[Comparison]:
    """Compare candidates on the same rows by a paired hierarchical bootstrap.

    Each resample draws test rows with replacement, the same for all candidates, then for each candidate its seeds; the
    best candidate is chosen anew in each resample, so that the luck of having been chosen is part of the bounds.

    Parameters
    ----------
    metric : {'accuracy', 'macro_f1'}
    labels : ndarray of int, shape (n,)
    predictions : list (candidates) of lists (seeds) of ndarray of int, shape (n,)
    tolerance : float
        How much worse than the best is as good, on the scale of the score (0.01 is one point).
    seed : int
    resamples : int
        Fewer are drawn, but no less than 1,000, where there are very many different test rows.

    Returns
    -------
    list of Comparison
        One a candidate, in their order.

    Notes
    -----
    With delta* the resampled difference to the best, a candidate is confirmed when delta* > −tolerance in all but the
    Holm-corrected 5 % of resamples. The best of several resampled scores exceeds the best of the true ones, which makes
    delta* too low on average: careful for a confirmation, reckless for a refutation. So a candidate is refuted when its
    distance behind the best, less the tolerance, exceeds the largest chance lead of any rival (each resampled
    difference less the observed one) in all but as many: comparisons with the best as of Hsu 1984, by bootstrap.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    n = len(labels)
    plain = np.array([np.mean([score(metric, labels, p) for p in seeds]) for seeds in predictions])
    counts, kind_labels, kind_predictions = _alike(metric, labels, predictions)
    resamples = min(resamples, max(LEAST_RESAMPLES, DRAWS // len(counts)))
    draws = np.empty((len(predictions), resamples))
    block = max(1, min(resamples, 20_000_000 // len(counts)))
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        weights = rng.multinomial(n, counts / n, size=count).astype(np.float32)
        for c, seeds in enumerate(kind_predictions):
            by_seed = np.stack([resampled_scores(metric, kind_labels, p, weights) for p in seeds])
            picked = rng.integers(len(seeds), size=(len(seeds), count))
            draws[c, start : start + count] = np.take_along_axis(by_seed, picked, axis=0).mean(axis=0)
    delta = draws - draws.max(axis=0)
    edge = -tolerance - 1e-9
    p_not_worse = [(1 + float((d < edge).sum())) / (1 + resamples) for d in delta]
    behind = plain.max() - plain
    chance = draws - plain[:, None]
    lead = np.stack([(chance - own).max(axis=0) for own in chance])
    p_worse = [(1 + float((x >= b + edge).sum())) / (1 + resamples) for x, b in zip(lead, behind, strict=True)]
    levels_low, levels_high = holm_levels(p_not_worse), holm_levels(p_worse)
    right = [seeds[0] == labels for seeds in predictions]
    result = []
    for c, seeds in enumerate(predictions):
        rivals = [r for r in range(len(predictions)) if r != c]
        rival = max(rivals, key=lambda r: plain[r], default=c)
        if metric == "accuracy" and len(seeds) == 1:
            low, high = wilson(float(plain[c]), n)
        else:
            low, high = (float(q) for q in np.quantile(draws[c], [0.025, 0.975]))
        result.append(
            Comparison(
                score=Interval(mean=float(plain[c]), low=low, high=high),
                delta=Interval(
                    mean=float(plain[c] - plain.max()),
                    low=float(np.quantile(delta[c], levels_low[c])),
                    high=min(0.0, float(np.quantile(lead[c], 1 - levels_high[c]) - behind[c])),
                ),
                disagreement=float((right[c] != right[rival]).mean()),
                margin=float(plain[c] - plain[rival] + tolerance),
                p_not_worse=p_not_worse[c],
                p_worse=p_worse[c],
                confirmed=p_not_worse[c] <= levels_low[c],
                refuted=p_worse[c] <= levels_high[c],
            )
        )
    return result


def rows_to_settle(disagreement: float, difference: float) -> int:
    """Return the paired test rows at which a difference shows (one-sided 5 %, power 80 %).

    Parameters
    ----------
    disagreement : float
        Share of test rows on which exactly one of two candidates is right.
    difference : float
        Distance of the true difference from the edge of the tolerance, on the scale of accuracy.

    Returns
    -------
    int
        Normal approximation of the paired difference of shares: (z₀.₉₅ + z₀.₈)² · (q − d²) / d² (Connor 1987).

    Examples
    --------
    >>> rows_to_settle(0.1, 0.02)
    1540
    """
    difference = max(abs(difference), 1e-4)
    spread = max(disagreement - difference**2, 1e-6)
    return math.ceil((1.644854 + 0.841621) ** 2 * spread / difference**2)
